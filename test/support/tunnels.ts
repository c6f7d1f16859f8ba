import type { TunnelSettings } from '../../src/core/tunnels/settings.ts'
import type { Neighbour } from '../../src/node/routing/router.ts'
import type { ClientSpec, TransportSettings } from '../../src/node/transport/transport.ts'
import type { TunnelComponents } from '../../src/node/tunnels/components.ts'

/** A transport whose client tunnels do what the test says. */
export interface RecordingTransport {
  readonly connect: TunnelComponents['transport']['connect']
  readonly listen: TunnelComponents['transport']['listen']
  configure(settings: TransportSettings): void
  /** What tunnels were begun with, the first one first; and the settings that held then. */
  readonly specs: readonly ClientSpec[]
  readonly settings: readonly (TransportSettings | undefined)[]
  /** Interfaces of those that were stopped. */
  readonly stopped: readonly string[]
}

/** A transport that makes client tunnels which say nothing by themselves but that they were stopped, and no servers. */
export function recordingTransport(): RecordingTransport {
  const specs: ClientSpec[] = []
  const settings: (TransportSettings | undefined)[] = []
  const stopped: string[] = []
  let present: TransportSettings | undefined
  return {
    specs,
    settings,
    stopped,
    configure(next) {
      present = next
    },
    listen: () => Promise.reject(new Error('no servers here')),
    connect(spec) {
      specs.push(spec)
      settings.push(present)
      const stop = async () => {
        stopped.push(spec.iface)
        spec.onEvent({ kind: 'down', reason: 'stopped' })
      }
      return { spec, traffic: { receivedBytes: 0, sentBytes: 0 }, stop }
    },
  }
}

/** A neighbour on each of these interfaces. */
export const neighboursOn = (...ifaces: string[]): Neighbour[] =>
  ifaces.map((iface) => ({ iface, address: 'fe80::1', rxcost: 96, txcost: 96, cost: 96, rttMs: undefined }))

/** A router that takes every interface. */
export const routerWith = (neighbours: readonly Neighbour[]): TunnelComponents['router'] => ({
  neighbours,
  isRunning: true,
  drainsAtOnce: true,
  addInterface: async () => {},
  removeInterface: async () => {},
  leaveInterface: async () => true,
  setCost: async () => {},
  neighbourGone: () => {},
  isNameFree: () => true,
  watch: () => ({ [Symbol.dispose]() {} }),
})

/** Settings of a network with the defaults of a registry, whose nodes are in no country and make two tunnels each. */
export const tunnelSettings = (
  more: Partial<TunnelSettings> & Pick<TunnelSettings, 'registryPrefix'>,
): TunnelSettings => ({
  ...{ clientCount: 2, refreshMs: 300_000, helloIntervalMs: 15_000 },
  ...{ neighbours: new Set(), disabledProtocols: new Set(), allowsIpv6: true },
  ...{ sameCountry: [], ownCountry: undefined, countryOf: () => undefined },
  ...{ isBeingLocated: () => false, isInside: () => false },
  ...more,
})
