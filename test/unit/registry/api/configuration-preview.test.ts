import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Prefix } from '../../../../src/core/values/prefix.ts'
import type {
  AffectedMachines,
  ConfigurationPreview,
  NetworkSettingsChange,
} from '../../../../src/registry/api/schemas/configuration.ts'
import type { Machine } from '../../../../src/registry/api/schemas/machines.ts'
import { commandSocket } from '../../../../src/registry/command-socket.ts'
import { askRegistryOf } from '../../../../src/registry/commands/ask-registry.ts'
import type { RunningRegistry } from '../../../../src/registry/registry-settings.ts'
import { callAs, enrolledMachine } from '../../../support/calling-machine.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { runRegistryCommand } from '../../../support/registry-command.ts'

const PYTHON = '0-635.g3a091eb'
const agentOf = (version: string) => `re6stnet/${version}, Linux-4.19.0-x86_64`

describe('the preview of a change, with machines of many versions', () => {
  const asked = join(temporaryDirectory(), 'registry.db')
  const ask = askRegistryOf({ database: asked })
  const names: string[] = []
  let database: string
  let registry: RunningRegistry & { readonly url: string }

  const start = () =>
    testRegistry(
      {
        databasePath: database,
        api: {
          listener: undefined,
          socketPath: commandSocket(asked),
          pageUrl: undefined,
          registryUrl: undefined,
          pageFolder: '',
        },
      },
      { geoip: { edition: 'one', locate: () => undefined } },
    )

  beforeAll(async () => {
    database = await emptyDatabase({ isShared: true })
    registry = await start()
    const machines: { prefix: Prefix; subnetName: string }[] = []
    for (let number = 0; number < 6; number++) machines.push(await enrolledMachine(registry.url))
    names.push(...machines.map(({ subnetName }) => subnetName))
    const prefix = (number: number) => machines[number]?.prefix ?? ''
    await callAs(registry.url, prefix(0), { protocol: 10, agent: 're6stnet/0.1.0 protocol/10' })
    await callAs(registry.url, prefix(1), { protocol: 10, agent: agentOf(PYTHON) })
    await callAs(registry.url, prefix(2), { protocol: 6, agent: agentOf('0-520.gabc') })
    await callAs(registry.url, prefix(3), { agent: agentOf('0-300.gdef') })
    await callAs(registry.url, prefix(4), { protocol: 8, agent: 'curl/8.5.0' })
    // Of the last one nobody knows anything.
  })
  afterAll(() => registry?.[Symbol.asyncDispose]())

  const preview = (change: NetworkSettingsChange): Promise<ConfigurationPreview> =>
    ask('previewConfiguration', { body: change })
  const affectedBy = async (change: NetworkSettingsChange): Promise<AffectedMachines | undefined> =>
    (await preview(change)).effects[0]?.affected
  const foundBy = async ({ query }: AffectedMachines): Promise<string[]> =>
    (await ask('machines', { query })).items.map(({ name }: Machine) => name)

  it('says what nodes of each implementation do with each setting, how many there are, and how it depends on the version', async () => {
    const { effects, machines } = await preview({
      ...{ hello: 4, clientCount: 9, maxClients: 9, tunnelRefresh: 9, encrypt: true },
      ...{ sameCountry: ['FR'], minProtocol: 7, ipv4: { range: '10.42.0.0/16', subnetBits: 8 } },
    })
    expect(machines).toEqual({ own: 1, python: 3, unknown: 2 })
    expect(effects.map(({ setting }) => setting).sort()).toEqual(
      [
        ...['hello', 'clientCount', 'maxClients', 'tunnelRefresh', 'encrypt', 'sameCountry', 'minProtocol'],
        'ipv4',
      ].sort(),
    )
    for (const { nodes, versions } of effects) {
      expect(nodes.map(({ implementation }) => implementation)).toEqual(['own', 'python'])
      for (const { effect } of nodes) expect(effect).not.toBe('')
      expect(versions).not.toBe('')
    }
    const dependent = effects.filter(({ affected }) => affected).map(({ setting }) => setting)
    expect(dependent.sort()).toEqual(['ipv4', 'minProtocol', 'sameCountry'])
  })

  it.each([{ hello: 4 }, { clientCount: 9 }, { maxClients: 9 }, { tunnelRefresh: 9 }, { encrypt: true }])(
    'says of %j that nothing in it depends on the version',
    async (change) => {
      const [effect] = (await preview(change)).effects
      expect(effect?.affected).toBeUndefined()
      expect(effect?.versions).toContain('Nodes of all versions understand it')
    },
  )

  it('names who is too old for a protocol or for borders, with what they run, and of whom nobody knows', async () => {
    for (const change of [{ minProtocol: 7 }, { sameCountry: ['FR'] }]) {
      const affected = await affectedBy(change)
      if (!affected) throw new Error('nobody is affected')
      expect(affected).toMatchObject({
        ...{ count: 2, unknown: 1, query: { protocolBelow: 7 } },
        machines: [
          { name: names[2], protocol: 6, version: '0-520.gabc' },
          { name: names[3], protocol: 1, version: '0-300.gdef' },
        ],
      })
      expect(await foundBy(affected)).toEqual([names[2], names[3]])
    }
    expect(await affectedBy({ minProtocol: 10 })).toMatchObject({ count: 3 })
  })

  it('names who has no tunnels without encryption, and whose number is too great for an IPv4 subnet', async () => {
    const { version } = await ask('configuration')
    await ask('changeConfiguration', { body: { fromVersion: version, change: { encrypt: true } } })
    const python = await affectedBy({ encrypt: false })
    if (!python) throw new Error('nobody is affected')
    expect(python).toMatchObject({ count: 3, unknown: 2, query: { implementation: 'python' } })
    expect(await foundBy(python)).toEqual([names[1], names[2], names[3]])
    const numbered = await affectedBy({ ipv4: { range: '10.42.0.0/16', subnetBits: 2 } })
    if (!numbered) throw new Error('nobody is affected')
    expect(numbered).toMatchObject({
      ...{ count: 2, unknown: 0, query: { subjectSerialFrom: 4 } },
      machines: [{ name: names[4], protocol: 8 }, { name: names[5] }],
    })
    expect(await foundBy(numbered)).toEqual([names[4], names[5]])
  })

  it('says the same by the command, with the one that lists all of them', async () => {
    const { text } = await runRegistryCommand('config', 'preview', '--min-protocol', '7', '--db', asked)
    expect(text).toContain(`WARNING: 2 speak a protocol before 7`)
    expect(text).toContain(`${names[2]} (0-520.gabc, protocol 6), ${names[3]} (0-300.gdef, protocol 1)`)
    expect(text).toContain('Of 1 machines nobody knows it')
    expect(text).toContain('1 machines run this implementation, 3 that of Python')
    const listed = await runRegistryCommand('nodes', '--protocol-below', '7', '--json', '--db', asked)
    expect((JSON.parse(listed.text) as Machine[]).map(({ name }) => name)).toEqual([names[2], names[3]])
    const behind = await runRegistryCommand('nodes', '--behind', '--json', '--db', asked)
    expect((JSON.parse(behind.text) as Machine[]).map(({ name }) => name)).toEqual(names)
  })

  it('knows it still when the registry is started again', async () => {
    await registry[Symbol.asyncDispose]()
    registry = await start()
    expect(await affectedBy({ minProtocol: 7 })).toMatchObject({ count: 2, unknown: 1 })
  })
})
