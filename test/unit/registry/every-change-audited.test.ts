import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { DEFAULT_DATABASE, REGISTRY_SUBCOMMANDS } from '../../../src/core/options/registry-options.ts'
import type { METHODS, MethodName } from '../../../src/core/rpc/methods.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { API_BASE } from '../../../src/registry/api/openapi.ts'
import { API_ROUTES, type ApiRouteName } from '../../../src/registry/api/routes.ts'
import { askRegistryOf } from '../../../src/registry/commands/ask-registry.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { FakeNode } from '../../support/recorded-registry.ts'
import { localApi, temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { runRegistryCommand } from '../../support/registry-command.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const PASSWORD = 'correct horse battery'
const HOUR_MS = 3600_000

/** A registry with two machines, an invitation, an administrator and a bearer token; and what does something to it. */
async function office() {
  const directory = temporaryDirectory()
  const databasePath = await emptyDatabase()
  const socketPath = join(directory, 'commands.socket')
  const api = localApi({ socketPath })
  // A network with nobody else in it is soon looked at, where no answer is waited for.
  const node = await FakeNode.start()
  node.answer = (question) => [question]
  const registry = await testRegistry({ databasePath, api }, { nodePort: node.port })
  const ask = askRegistryOf({ database: databasePath, commandSocket: socketPath })
  const client = new RegistryClient(registry.url)
  for (const csr of ['node-a', 'node-b'])
    await client.requestCertificate({ token: '', csr: pki.csr[csr] ?? '' })
  const { invitation, token } = await ask('invite', { body: {} })
  await ask('addAdministrator', { body: { name: 'ann', role: 'look', password: PASSWORD } })
  const bearer = await ask('makeBearerToken', { body: { label: 'a', scope: 'look', end: inAnHour() } })
  const { items: machines } = await ask('machines', { query: {} })
  const [machine] = machines
  if (!machine) throw new Error('nobody has come')
  const http = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    fetch(`http://127.0.0.1:${registry.pagePort}${API_BASE}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  return {
    ...{ registry, ask, machine, invitation, token, bearer, directory, databasePath, http },
    run: (...args: string[]) => runRegistryCommand(...args, '--db', databasePath),
    /** What the registry itself is asked by a command. */
    runAsking: (...args: string[]) =>
      runRegistryCommand(...args, '--db', databasePath, '--command-socket', socketPath),
    rpc: (call: string) => fetch(`${registry.url}${call}`),
    signIn: () => http('POST', API_ROUTES.signIn.path, {}, { name: 'ann', password: PASSWORD }),
    async entries() {
      await using store = await openStore(databasePath)
      return (await store.all<{ action: string }>('SELECT action FROM audit ORDER BY number')).map(
        ({ action }) => action,
      )
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await node[Symbol.asyncDispose]()
    },
  }
}

type Office = Awaited<ReturnType<typeof office>>

const inAnHour = () => new Date(Date.now() + HOUR_MS).toISOString()

/** What is done, and the entries that it adds; or why there is none. */
type Sample = readonly [doIt: (one: Office) => Promise<unknown>, ...actions: string[]]
type Samples<Name extends string> = Readonly<Record<Name, Sample | 'no operator' | 'tested elsewhere'>>

type Changing = {
  [Name in ApiRouteName]: (typeof API_ROUTES)[Name]['method'] extends 'GET' ? never : Name
}[ApiRouteName]

const ROUTES: Samples<Changing> = {
  // With the first start, and with a pair.
  makeNetwork: 'tested elsewhere',
  dropStandby: 'tested elsewhere',
  promote: 'tested elsewhere',
  certificateSignIn: 'tested elsewhere',
  requestToken: 'no operator',
  invitationState: [({ ask, token }) => ask('invitationState', { body: { token } })],
  previewConfiguration: [({ ask }) => ask('previewConfiguration', { body: { hello: 20 } })],
  signIn: [({ signIn }) => signIn(), 'session.begun'],
  signOut: [
    async ({ signIn, http }) => {
      const answer = await signIn()
      const { csrfToken } = (await answer.json()) as { csrfToken: string }
      const cookie = String(answer.headers.get('set-cookie')).split(';')[0] ?? ''
      await http('DELETE', API_ROUTES.signOut.path, { cookie, 'x-csrf-token': csrfToken })
    },
    'session.begun',
    'session.ended',
  ],
  revoke: [({ ask, machine }) => ask('revoke', { body: { machine: machine.name } }), 'machine.revoked'],
  invite: [({ ask }) => ask('invite', { body: { uses: 2 } }), 'invitation.made'],
  deleteInvitation: [
    ({ ask, invitation: { id } }) => ask('deleteInvitation', { params: { id } }),
    'invitation.deleted',
  ],
  rotateKeys: [({ ask }) => ask('rotateKeys', { body: { fromStep: 'idle' } }), 'keys.rotated'],
  changeConfiguration: [
    async ({ ask }) => {
      const { version: fromVersion } = await ask('configuration')
      await ask('changeConfiguration', { body: { fromVersion, change: { hello: 20 } } })
    },
    'configuration.changed',
  ],
  makeBearerToken: [
    ({ ask }) => ask('makeBearerToken', { body: { label: 'b', scope: 'look', end: inAnHour() } }),
    'token.made',
  ],
  deleteBearerToken: [
    ({ ask, bearer }) => ask('deleteBearerToken', { params: { id: bearer.token.id } }),
    'token.deleted',
  ],
  addAdministrator: [
    ({ ask }) => ask('addAdministrator', { body: { name: 'bob', role: 'look', password: PASSWORD } }),
    'admin.added',
  ],
  changeAdministrator: [
    ({ ask }) => ask('changeAdministrator', { params: { name: 'ann' }, body: { role: 'enrol' } }),
    'admin.changed',
  ],
  setPassword: [({ ask }) => ask('setPassword', { params: { name: 'ann' }, body: {} }), 'admin.changed'],
  removeAdministrator: [
    async (one) => {
      await one.ask('addAdministrator', { body: { name: 'bob', role: 'administer', password: PASSWORD } })
      await one.ask('removeAdministrator', { params: { name: 'ann' } })
    },
    'admin.added',
    'admin.removed',
  ],
  endSessions: [
    async ({ signIn, ask }) => {
      await signIn()
      await ask('endSessions', { body: { name: 'ann' } })
    },
    'session.begun',
    'sessions.ended',
  ],
}

type Private = {
  [Name in MethodName]: (typeof METHODS)[Name]['access'] extends 'private' ? Name : never
}[MethodName]

const addToken = ({ rpc }: Office) => rpc('addToken?email=a@example.com&token=abc')

const PRIVATE_METHODS: Samples<Private> = {
  isToken: [({ rpc }) => rpc('isToken?token=x')],
  addToken: [addToken, 'join_token.added'],
  deleteToken: [
    async (one) => {
      await addToken(one)
      await one.rpc('deleteToken?token=abc')
    },
    'join_token.added',
    'join_token.deleted',
  ],
  revoke: [({ rpc, machine }) => rpc(`revoke?cn_or_serial=${machine.serial}`), 'certificate.revoked'],
  updateHMAC: [({ rpc }) => rpc('updateHMAC'), 'keys.rotated'],
  getNodePrefix: [({ rpc }) => rpc('getNodePrefix?email=a@example.com')],
  getIPv6Address: [({ rpc }) => rpc('getIPv6Address?email=a@example.com')],
  getIPv4Information: [({ rpc }) => rpc('getIPv4Information?email=a@example.com')],
  versions: [({ rpc }) => rpc('versions')],
  topology: [({ rpc }) => rpc('topology')],
}

const COMMANDS: Samples<keyof typeof REGISTRY_SUBCOMMANDS> = {
  // Before there is a registry, or a log.
  init: 'tested elsewhere',
  standby: 'tested elsewhere',
  nodes: [({ runAsking }) => runAsking('nodes')],
  show: [({ runAsking, machine }) => runAsking('show', machine.name)],
  check: [({ run }) => run('check')],
  audit: [({ run }) => run('audit', 'verify')],
  backup: [({ run, directory }) => run('backup', join(directory, 'copy.db'))],
  invite: [({ runAsking }) => runAsking('invite'), 'invitation.made'],
  revoke: [({ runAsking, machine }) => runAsking('revoke', String(machine.serial)), 'certificate.revoked'],
  keys: [({ runAsking }) => runAsking('keys', 'rotate'), 'keys.rotated'],
  config: [({ runAsking }) => runAsking('config', 'change', '--hello', '20'), 'configuration.changed'],
  admin: [({ run }) => run('admin', 'add', '--name', 'bob', '--role', 'look'), 'admin.added'],
  token: [({ runAsking }) => runAsking('token', 'new', '--label', 'b', '--role', 'look'), 'token.made'],
  ca: [
    async ({ run, directory }) => {
      const [ca, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
      writeFileSync(ca, pki.ca)
      writeFileSync(key, pki.keys['ca'] ?? '', { mode: 0o600 })
      await run('ca', 'renew', '--ca', ca, '--key', key, '--days', '30000')
      expect(readFileSync(ca, 'utf8')).not.toBe(pki.ca)
    },
    'authority.renewed',
  ],
  restore: [
    async ({ run, directory, registry }) => {
      await run('backup', join(directory, 'copy.db'))
      await registry[Symbol.asyncDispose]()
      await run('restore', join(directory, 'copy.db'))
    },
    'database.restored',
  ],
  import: [
    async ({ databasePath }) => {
      const imported = await emptyDatabase()
      await runRegistryCommand('import', databasePath, '--db', imported)
      const list = await runRegistryCommand('audit', 'list', '--db', imported, '--json')
      expect(JSON.parse(list.text)).toMatchObject([
        { action: 'database.imported', detail: { from: databasePath } },
        ...[{ action: 'token.made' }, { action: 'admin.added' }, { action: 'invitation.made' }],
      ])
      await runRegistryCommand('audit', 'verify', '--db', imported)
    },
  ],
}

const tested = (samples: Samples<string>) =>
  Object.entries(samples).flatMap(([name, sample]) => (typeof sample === 'string' ? [] : [{ name, sample }]))

describe.each([
  { way: 'by the API, the route', samples: tested(ROUTES) },
  { way: 'by a private method,', samples: tested(PRIVATE_METHODS) },
  { way: 'by the command', samples: tested(COMMANDS) },
])('what is done $way', ({ samples }) => {
  it.each(samples)('$name is in the audit log, if it changes anything', async ({ sample }) => {
    const [doIt, ...actions] = sample
    await using one = await office()
    const before = await one.entries()
    await doIt(one)
    expect(await one.entries()).toEqual([...before, ...actions])
  })
})

it('all routes, private methods and commands are there', () => {
  const changing = Object.entries(API_ROUTES).filter(([, { method }]) => method !== 'GET')
  expect(Object.keys(ROUTES).toSorted()).toEqual(changing.map(([name]) => name).toSorted())
  expect(Object.keys(COMMANDS).toSorted()).toEqual(Object.keys(REGISTRY_SUBCOMMANDS).toSorted())
})

it.skipIf(existsSync(DEFAULT_DATABASE))(
  'an authority that was made anew elsewhere is in the audit log from the start with it on',
  async () => {
    const databasePath = await emptyDatabase()
    const directory = temporaryDirectory()
    const [ca, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
    await (await testRegistry({ databasePath }))[Symbol.asyncDispose]()
    writeFileSync(ca, pki.ca)
    writeFileSync(key, pki.keys['ca'] ?? '', { mode: 0o600 })
    const [program, ...more] = programOf('re6st-registry')
    // On a machine without a database.
    const { stderr } = await execa(program, [...more, 'ca', 'renew', '--days', '30000'], { cwd: directory })
    expect(stderr).toContain('name the database of the registry by --db')
    for (const caPem of [readFileSync(ca, 'utf8'), readFileSync(ca, 'utf8')])
      await (await testRegistry({ databasePath, caPem }))[Symbol.asyncDispose]()
    await using store = await openStore(databasePath)
    expect(await store.all('SELECT who, action FROM audit')).toEqual([
      { who: 'registry', action: 'authority.changed' },
    ])
  },
)
