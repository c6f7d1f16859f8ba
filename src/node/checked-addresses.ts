import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addressKind, mayBeDialled } from '../core/values/address-kind.ts'
import { isIpv6Protocol, type PeerAddress } from '../core/values/address-list.ts'
import type { Clock } from '../platform/clock.ts'
import { LateTunnel } from './transport/late-tunnel.ts'
import type { ClientSpec, ClientTunnel, Transport } from './transport/transport.ts'

/** What tells where a tunnel may lead. */
interface DialableInit {
  /** Whether an address is one of the network itself: a tunnel to it would go through others. */
  readonly isInside: (address: string) => boolean
  /** The registry's host: a private network in which it is, is one that we reach. */
  readonly registryHost: string
  /** Addresses of this machine. */
  readonly own?: () => readonly string[]
  readonly clock: Pick<Clock, 'after'>
  /** Addresses of a name. Rejects when there are none. */
  readonly resolve?: (name: string, family: 4 | 6) => Promise<readonly string[]>
}

/** A resolver that does not answer must not hold up the addresses that need none. */
const RESOLVE_MS = 5_000
/** Of one name. */
const MAX_RESOLVED = 4

/**
 * A transport that dials what peers say only where that may lead: to machines of the Internet, and to those of a private
 * network in which we or the registry are. What they say otherwise would have this machine knock at its own doors and its neighbours'.
 * Names are resolved here, so that what was checked is what is dialled. The remotes of `--client` are the user's.
 */
export const checkingAddresses = (transport: Transport, init: DialableInit): Transport => ({
  listen: (spec, signal) => transport.listen(spec, signal),
  connect: (spec) =>
    spec.prefix === undefined ? transport.connect(spec) : checkedTunnel(transport, init, spec),
  configure: (settings) => transport.configure(settings),
  stop: () => transport.stop(),
})

/** A client tunnel that begins when it is known where its remotes are. */
const checkedTunnel = (transport: Transport, init: DialableInit, spec: ClientSpec): ClientTunnel =>
  new LateTunnel(
    async (signal) => {
      const found = (
        await Promise.all(spec.remotes.map((remote) => addressesOf(remote, init, signal)))
      ).flat()
      // A machine without file descriptors cannot even say which addresses it has: then this throws.
      const mayLead = await dialable(
        init,
        found.map(({ host }) => host),
        signal,
      )
      const remotes = found.filter(({ host }) => mayLead(host))
      if (remotes.length === 0) return 'none of its addresses can be reached from here'
      return () => transport.connect({ ...spec, remotes })
    },
    (reason) => spec.onEvent({ kind: 'down', reason }),
  )

async function addressesOf(
  remote: PeerAddress,
  init: DialableInit,
  signal: AbortSignal,
): Promise<readonly PeerAddress[]> {
  if (isIP(remote.host) !== 0) return [remote]
  const addresses = await resolved(remote.host, isIpv6Protocol(remote.protocol) ? 6 : 4, init, signal)
  return addresses.map((host) => ({ ...remote, host }))
}

/** None where the resolver does not answer, or nobody waits any more. */
async function resolved(
  name: string,
  family: 4 | 6,
  { resolve = resolveBySystem, clock }: DialableInit,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (signal.aborted) return []
  const over = new AbortController()
  const end = () => over.abort()
  using _ = clock.after(RESOLVE_MS, end)
  signal.addEventListener('abort', end, { once: true, signal: over.signal })
  const late = new Promise<readonly string[]>((settle) =>
    over.signal.addEventListener('abort', () => settle([]), { once: true }),
  )
  const addresses = await Promise.race([resolve(name, family).catch(() => []), late])
  end()
  return addresses.slice(0, MAX_RESOLVED)
}

/**
 * Tells of each of these addresses whether somebody else's word is enough to send packets to it from where this machine
 * is now. @param signal aborted when nobody waits for that any more
 */
export async function dialable(
  init: DialableInit,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<(address: string) => boolean> {
  const { own = ownAddresses, isInside } = init
  const ours = own()
  const needsRegistry = addresses.some(
    (address) => addressKind(address) === 'private' && !mayBeDialled(address, ours),
  )
  const near = needsRegistry ? await registryAddresses(init, signal) : []
  return (address) => mayBeDialled(address, ours, near) && !isInside(address)
}

async function registryAddresses(init: DialableInit, signal: AbortSignal): Promise<readonly string[]> {
  const host = init.registryHost.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0) return [host]
  return (await Promise.all(([4, 6] as const).map((family) => resolved(host, family, init, signal)))).flat()
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((some = []) => some.map(({ address }) => address))

async function resolveBySystem(name: string, family: 4 | 6): Promise<readonly string[]> {
  const found = await lookup(name, { all: true, family })
  return found.map(({ address }) => address)
}
