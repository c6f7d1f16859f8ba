import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { RegistryClient } from '../../../../src/platform/registry-client.ts'
import type { BearerToken, MadeBearerToken } from '../../../../src/registry/api/schemas/access.ts'
import type { AuditEntry } from '../../../../src/registry/api/schemas/audit.ts'
import type { Configuration } from '../../../../src/registry/api/schemas/configuration.ts'
import type { Invitation, MadeInvitation } from '../../../../src/registry/api/schemas/invitations.ts'
import type { KeyRotation } from '../../../../src/registry/api/schemas/keys.ts'
import type { Machine, MachineDetails } from '../../../../src/registry/api/schemas/machines.ts'
import { commandSocket } from '../../../../src/registry/command-socket.ts'
import { commandActor } from '../../../../src/registry/commands/own-database.ts'
import type { RunningRegistry } from '../../../../src/registry/registry-settings.ts'
import { DATABASE_KIND, emptyDatabase } from '../../../support/databases.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { runRegistryCommand, whyRefused } from '../../../support/registry-command.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ csr: Record<string, string> }>('pki.json')

let registry: RunningRegistry & { readonly url: string }

/** Where commands ask the registry of a database: PostgreSQL has one place for all of a machine, unless they are told of another. */
function placeOf(database: string): {
  readonly socketPath: string | undefined
  readonly options: readonly string[]
} {
  const own = DATABASE_KIND === 'PostgreSQL' ? join(temporaryDirectory(), 'commands.socket') : undefined
  return {
    socketPath: commandSocket(database, own),
    options: ['--db', database, ...(own === undefined ? [] : ['--command-socket', own])],
  }
}

let options: readonly string[] = []
const run = (...args: string[]) => runRegistryCommand(...args, ...options)
const json = async <Body>(...args: string[]) => JSON.parse((await run(...args, '--json')).text) as Body

beforeAll(async () => {
  const databasePath = await emptyDatabase({ isShared: true })
  const place = placeOf(databasePath)
  options = place.options
  registry = await testRegistry({
    databasePath,
    api: {
      listener: undefined,
      socketPath: place.socketPath,
      pageUrl: undefined,
      registryUrl: undefined,
      pageFolder: '',
    },
  })
})
afterAll(() => registry[Symbol.asyncDispose]())

describe('beside a registry that runs, the commands', () => {
  it('invite, list who has come, show a machine, and revoke it', async () => {
    const made = await json<MadeInvitation>(
      ...['invite', '--uses', '2', '--email', 'ann@example.com', '--name', 'laptop'],
      ...['--host', 'registry.example.com'],
    )
    expect(made.joinLine).toContain('re6st join --registry http://registry.example.com')
    // Nobody has said where the page is.
    expect(made.link).toBeUndefined()
    expect((await run('invite', 'list')).text).toContain(made.invitation.id)
    const anyone = new RegistryClient(registry.url)
    for (const csr of ['node-a', 'node-b'])
      expect(
        await anyone.requestCertificate({ token: made.token, csr: pki.csr[csr] ?? '' }),
      ).not.toBeUndefined()
    const machines = await json<Machine[]>('nodes', '--search', 'ann@')
    expect(machines).toMatchObject([
      { email: 'ann@example.com', machineName: 'laptop', state: 'never-seen' },
      {},
    ])
    expect(await json('nodes', '--state', 'online')).toEqual([])
    expect(await json('nodes', '--community', '1')).toEqual([])
    expect(await json('nodes', '--community', '0', '--sort', 'serial', '--descending')).toEqual(
      machines.toReversed(),
    )
    expect(whyRefused('nodes', '--community', 'here')).toContain('must be bits')
    const [machine, other] = machines
    if (!machine || !other) throw new Error('nobody has come')
    for (const meant of [machine.name, machine.address, String(machine.serial)])
      expect(await json<MachineDetails>('show', meant)).toMatchObject({
        name: machine.name,
        events: [{ kind: 'enrolled' }],
      })
    await expect(run('show', 'laptop')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(`${machine.name}, ${other.name}`),
    })
    expect((await run('show', machine.name)).text).toContain(`serial ${machine.serial}`)
    expect((await run('show')).text).toContain('2: 0 online')

    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    expect(await json('revoke', machine.name)).toEqual({ revoked: { machine: machine.name } })
    // It was the first one to join.
    expect(said).toHaveBeenCalledWith(expect.stringContaining('the node of the registry'))
    said.mockRestore()
    await expect(run('show', machine.name)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await run('revoke', String(other.serial))
    expect(await json<Machine[]>('nodes')).toMatchObject([{ name: other.name, state: 'revoked' }])
    const notThere = (list: string) => ({
      code: 'NOT_FOUND',
      message: expect.stringContaining(`"re6st-registry ${list}" lists them`),
    })
    await expect(run('revoke', '999999')).rejects.toMatchObject(notThere('nodes'))
    await expect(run('show', 'nobody')).rejects.toMatchObject(notThere('nodes'))
    await expect(run('invite', 'delete', '--id', 'x')).rejects.toMatchObject(notThere('invite list'))

    await run('invite', 'delete', '--id', made.invitation.id)
    expect(await json<Invitation[]>('invite', 'list')).toEqual([])
  })

  it('invite with the token alone, for a script', async () => {
    const { text } = await run('invite', '--token-only', '--name', 'script')
    expect(text).toMatch(/^[a-z]+\n$/)
    const [invitation] = (await json<Invitation[]>('invite', 'list')).filter(
      ({ machineName }) => machineName === 'script',
    )
    await run('invite', 'delete', '--id', invitation?.id ?? '')
    expect(whyRefused('invite', '--token-only', '--json')).toContain('--json')
    expect(whyRefused('invite', 'list', '--token-only')).toContain('invite new')
  })

  it('rotate the keys a step at a time, and not over a warning that nobody has accepted', async () => {
    expect(await json<KeyRotation>('keys', 'status')).toMatchObject({ step: 'idle' })
    expect((await run('keys', 'rotate')).text).toContain('step announced')
    await expect(run('keys', 'rotate')).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await json<KeyRotation>('keys', 'rotate', '--cut-off')).toMatchObject({ step: 'used' })
    expect(await json<KeyRotation>('keys', 'rotate', '--cut-off')).toMatchObject({ step: 'idle' })
  })

  it('change the configuration, and say before what a change would do', async () => {
    const before = await json<Configuration>('config', 'show')
    const change = ['--hello', '5', '--encrypt', 'yes', '--same-country', 'fr', '--ipv4', '10.42.0.0/16', '8']
    await expect(run('config', 'change', ...change)).rejects.toMatchObject({
      code: 'OPTION',
      message: expect.stringContaining('GEOIP2_MMDB'),
    })
    expect((await run('config', 'preview', '--hello', '5')).text).toContain('hello: 15 becomes 5')
    expect(await json<Configuration>('config', 'show')).toEqual(before)
    const after = await json<Configuration>('config', 'change', '--hello', '5', '--encrypt', 'yes')
    expect(after).toMatchObject({ version: before.version + 1, settings: { hello: 5, encrypt: true } })
    await run('config', 'change', '--ipv4', '10.42.0.0/16', '8')
    expect(await json<Configuration>('config', 'change', '--no-ipv4')).toMatchObject({
      settings: { ipv4: null },
    })
  })

  it('make a bearer token for a program, list it, and delete it', async () => {
    const { token, secret } = await json<MadeBearerToken>(
      ...['token', 'new', '--label', 'watch', '--role', 'look', '--days', '7'],
    )
    expect(secret).toMatch(/^re6st_/)
    expect(token).toMatchObject({ label: 'watch', scope: 'look', madeBy: commandActor().name })
    const scripted = await run('token', 'new', '--label', 'script', '--role', 'enrol', '--token-only')
    expect(scripted.text).toMatch(/^re6st_[\w-]+\n$/)
    const { text } = await run('token', 'list')
    expect(text).toMatch(new RegExp(`^${token.id} +look .* never .* watch$`, 'm'))
    expect(text).not.toContain(secret)
    await run('token', 'delete', '--id', token.id)
    expect(await json<BearerToken[]>('token', 'list')).toMatchObject([{ label: 'script' }])
    await expect(run('token', 'delete', '--id', token.id)).rejects.toThrow('"re6st-registry token list"')
  })

  it('are in the audit log, with the user who has run them', async () => {
    // It is read in the database itself.
    const [, databasePath = ''] = options
    const { text } = await runRegistryCommand('audit', 'list', '--db', databasePath, '--json')
    const entries = JSON.parse(text) as AuditEntry[]
    const actions = new Set(entries.map(({ action }) => action))
    for (const action of [
      'invitation.made',
      'invitation.deleted',
      'machine.revoked',
      'certificate.revoked',
      'keys.rotated',
      'configuration.changed',
    ])
      expect(actions).toContain(action)
    expect(new Set(entries.map(({ who }) => who))).toEqual(new Set([commandActor().name]))
  })
})

it('without a registry that runs, a command says so', async () => {
  await expect(runRegistryCommand('nodes', ...placeOf(await emptyDatabase()).options)).rejects.toMatchObject({
    code: 'REGISTRY',
    message: expect.stringContaining('start it'),
  })
})

it('an invitation waits for a registry that starts, as long as it is told to', async () => {
  const starting = await emptyDatabase()
  const { socketPath, options } = placeOf(starting)
  const invite = (wait: string) => runRegistryCommand('invite', '--wait', wait, ...options)
  await expect(invite('0')).rejects.toMatchObject({ code: 'REGISTRY' })
  const invited = invite('60')
  await using _ = await testRegistry({
    databasePath: starting,
    api: {
      listener: undefined,
      socketPath,
      pageUrl: undefined,
      registryUrl: undefined,
      pageFolder: '',
    },
  })
  expect((await invited).text).toContain('re6st join --registry')
})

it.each([
  [['nodes', '--state', 'asleep'], 'must be one of online'],
  [['invite', '--community', '2'], 'must be bits, like 0101'],
  [['invite', 'give'], 'must be one of new, list, delete'],
  [['invite', 'list', '--uses', '2'], '--uses: is for "invite new" only'],
  [['invite', 'delete'], '--id: is needed'],
  [['invite', '--id', 'x'], '--id: is for "invite delete" only'],
  [['invite', '--email', 'ann'], 'must be an e-mail address'],
  [['revoke'], 'missing, but required: WHAT'],
  [['revoke', 'ann'], 'must be a subnet name like 5/16, or a serial number'],
  [['keys', 'turn'], 'must be one of status, rotate'],
  [['keys', 'status', '--cut-off'], '--cut-off: is for "keys rotate" only'],
  [['config', 'show', '--hello', '3'], '--hello: is for "config preview"'],
  [['config', 'change'], 'nothing is to be changed'],
  [['nodes', '--authority', 'sha256:0C'], 'must be "unknown", or a fingerprint'],
  [['nodes', '--protocol-below', 'old'], '--protocol-below'],
  [['nodes', '--implementation', 'perl'], '--implementation'],
  [['config', 'change', '--ipv4', '10.0.0.0/8', '8', '--no-ipv4'], '--no-ipv4: not together'],
  [['config', 'change', '--any-country', '--same-country', 'FR'], '--any-country: not together'],
])('a command line %j is refused with what to do', (args, reason) => {
  expect(whyRefused(...args)).toContain(reason)
})

describe('the place where commands ask', () => {
  it('is beside a file, in the run directory with PostgreSQL, or where an option says', () => {
    expect(commandSocket('/var/lib/registry.db')).toBe('/var/lib/registry.db.socket')
    expect(commandSocket('postgres://re6st@db.example.com/re6st')).toBe('/run/re6st-registry/commands.socket')
    expect(commandSocket(':memory:')).toBeUndefined()
    for (const database of ['/var/lib/registry.db', 'postgres://db/re6st', ':memory:'])
      expect(commandSocket(database, '/run/own.socket')).toBe('/run/own.socket')
  })

  it('is found by the commands of a registry whose database is elsewhere', async () => {
    const own = join(temporaryDirectory(), 'own.socket')
    await using other = await testRegistry({
      api: {
        listener: undefined,
        socketPath: commandSocket('postgres://re6st:secret@db.example.com/re6st', own),
        pageUrl: undefined,
        registryUrl: undefined,
        pageFolder: '',
      },
    })
    expect(other.pagePort).toBeUndefined()
    const options = ['--db', 'postgres://re6st:secret@db.example.com/re6st', '--command-socket', own]
    for (const words of [
      ['nodes'],
      ['show'],
      ['invite', 'list'],
      ['invite', '--host', 'registry.example.com'],
      ['keys', 'status'],
      ['config', 'show'],
      ['config', 'preview', '--hello', '20'],
    ])
      expect((await runRegistryCommand(...words, ...options)).status).toBe(0)
    await expect(runRegistryCommand('revoke', '5/16', ...options)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  it('is told of where nobody listens, and no password with it', async () => {
    const nowhere = join(temporaryDirectory(), 'nowhere.socket')
    const options = ['--db', 'postgres://re6st:secret@db.example.com/re6st', '--command-socket', nowhere]
    const failure: unknown = await runRegistryCommand('nodes', ...options).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'REGISTRY', message: expect.stringContaining(nowhere) })
    expect(String(failure)).not.toContain('secret')
  })
})
