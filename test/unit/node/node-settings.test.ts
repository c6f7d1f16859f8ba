import { expect, it } from 'vitest'
import type { NetworkConfig } from '../../../src/core/config/network-config.ts'
import { readCommandLine } from '../../../src/core/options/command-line.ts'
import { NODE_COMMAND, type NodeOptions, nodeOptions } from '../../../src/core/options/node-options.ts'
import { refuse } from '../../../src/core/result.ts'
import { networkOfBits, prefixOfBits } from '../../../src/core/values/prefix.ts'
import type { Identity } from '../../../src/node/identity.ts'
import { NodeSettings } from '../../../src/node/node-settings.ts'

const LEAST = ['--registry', 'http://r/', '--ca', 'ca', '--cert', 'cert', '--key', 'key']

function optionsOf(...args: readonly string[]): NodeOptions {
  const read = readCommandLine(NODE_COMMAND, nodeOptions, [...LEAST, ...args], () => refuse('no files'))
  if (!read.ok || read.value.kind !== 'run') throw new Error('the options are wrong')
  return read.value.options
}

/** Those that babeld has. */
const KEYS = { sign: undefined, accept: undefined }

/** As much of a configuration as they are made of. */
const CONFIG = {
  registryPrefix: prefixOfBits('0'.repeat(16)),
  clientCount: 10,
  maxClients: 20,
  helloIntervalMs: 15_000,
  tunnelRefreshMs: 300_000,
  encrypt: true,
  sameCountry: ['FR'],
  babelDefault: 'max-rtt-penalty 5000',
  keys: KEYS,
} as unknown as NetworkConfig

const identity = {
  authority: { network: networkOfBits('001000000000000100001101101110000000000001000010') },
  certificate: { prefix: prefixOfBits(`${'0'.repeat(15)}1`) },
  address: '2001:db8:42:1::1',
} as unknown as Identity

const settingsOf = (
  options: NodeOptions,
  config: () => NetworkConfig = () => CONFIG,
  sourceSpecific = true,
) => new NodeSettings({ options, config, sourceSpecific, identity: () => identity })

const countries = { country: 'FR', countryOf: () => 'DE', isBeingLocated: () => false }

it('the network says what the options do not, as it is now', () => {
  let config = CONFIG
  const settings = settingsOf(optionsOf(), () => config)
  const limited = settingsOf(optionsOf('--client-count', '3', '--max-clients', '4'))
  expect([settings.tunnels(countries).clientCount, settings.maxClients]).toEqual([10, 20])
  expect([limited.tunnels(countries).clientCount, limited.maxClients]).toEqual([3, 4])
  config = { ...CONFIG, maxClients: 0, helloIntervalMs: 4_000, encrypt: false }
  expect(settings.maxClients).toBe(0)
  expect(settings.transport).toEqual({ encrypt: false, helloIntervalMs: 4_000, dhFile: undefined })
  expect(settings.tunnels(countries).helloIntervalMs).toBe(4_000)
  expect(settings.router(undefined, 8, KEYS)).toMatchObject({ helloIntervalMs: 4_000, nodeCount: 8 })
})

it('without clients there are no servers, but their interfaces may come back', () => {
  let maxClients = 20
  const settings = settingsOf(optionsOf('--pp', '1194', 'tcp'), () => ({ ...CONFIG, maxClients }))
  expect(settings.places).toEqual([{ protocol: 'tcp', port: 1194, iface: 're6stnet-tcp' }])
  maxClients = 0
  expect([settings.servers, settings.places]).toEqual([[], []])
  expect([...settings.routedInterfaces]).toEqual([['re6stnet-tcp', 'server']])
})

it.each([
  [[], true, 'take-for-network', true],
  [[], false, 'take-for-network', false],
  [['--gateway'], true, 'announce', true],
  [['--default'], true, 'take-as-announced', false],
] as const)(
  '%j, source-specific routes: %j: default route %s, IPv6 %s',
  (args, sourceSpecific, defaultRoute, allowsIpv6) => {
    const settings = settingsOf(optionsOf(...args), undefined, sourceSpecific)
    expect(settings.allowsIpv6).toBe(allowsIpv6)
    expect(settings.tunnels(countries).allowsIpv6).toBe(allowsIpv6)
    expect(settings.router(undefined, 0, KEYS)).toMatchObject({ defaultRoute, sourceSpecific })
  },
)

it('the router is told who we are', () => {
  const settings = settingsOf(optionsOf('--interface', 'eth0'))
  expect(settings.router(undefined, 0, KEYS)).toMatchObject({
    nodeCidr: '2001:db8:42:1::/64',
    networkCidr: '2001:db8:42::/48',
    nodeAddress: '2001:db8:42:1::1',
    linkDefaults: { maxRttPenalty: 5_000 },
  })
  expect(settings.routedInterfaces.get('eth0')).toBe('lan')
})

it('tunnels are told where we are, and what is inside the network', () => {
  const { ownCountry, sameCountry, countryOf, isInside } = settingsOf(optionsOf()).tunnels(countries)
  expect([ownCountry, sameCountry]).toEqual(['FR', ['FR']])
  expect(countryOf({ host: '192.0.2.1', port: 1194, protocol: 'tcp', country: undefined })).toBe('DE')
  expect([isInside('2001:db8:42:7::1'), isInside('192.0.2.1')]).toEqual([true, false])
})
