import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { mayBeDialled } from '../core/values/address-kind.ts'
import { isIpv6Protocol, type PeerAddress } from '../core/values/address-list.ts'
import type { Clock } from '../platform/clock.ts'
import { LateTunnel } from './transport/late-tunnel.ts'
import type { ClientSpec, ClientTunnel, Transport } from './transport/transport.ts'

/** What tells where a tunnel may lead. */
interface DialableInit {
  /** Whether an address is one of the network itself: a tunnel to it would go through others. */
  readonly isInside: (address: string) => boolean
  /** Addresses of this machine. */
  readonly own?: () => readonly string[]
}

interface CheckedAddressesInit extends DialableInit {
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
 * network in which we are. What they say otherwise would have this machine knock at its own doors and its neighbours'.
 * Names are resolved here, so that what was checked is what is dialled. The remotes of `--client` are the user's.
 */
export const checkingAddresses = (transport: Transport, init: CheckedAddressesInit): Transport => ({
  listen: (spec, signal) => transport.listen(spec, signal),
  connect: (spec) =>
    spec.prefix === undefined ? transport.connect(spec) : checkedTunnel(transport, init, spec),
  configure: (settings) => transport.configure(settings),
  stop: () => transport.stop(),
})

/** A client tunnel that begins when it is known where its remotes are. */
const checkedTunnel = (transport: Transport, init: CheckedAddressesInit, spec: ClientSpec): ClientTunnel =>
  new LateTunnel(
    async () => {
      const found = await Promise.all(spec.remotes.map((remote) => addressesOf(remote, init)))
      // A machine without file descriptors cannot even say which addresses it has: then this throws.
      const mayLead = dialable(init)
      const remotes = found.flat().filter(({ host }) => mayLead(host))
      if (remotes.length === 0) return 'none of its addresses can be reached from here'
      return () => transport.connect({ ...spec, remotes })
    },
    (reason) => spec.onEvent({ kind: 'down', reason }),
  )

async function addressesOf(
  remote: PeerAddress,
  { resolve = resolveBySystem, clock }: CheckedAddressesInit,
): Promise<readonly PeerAddress[]> {
  if (isIP(remote.host) !== 0) return [remote]
  const limit = new AbortController()
  using _ = clock.after(RESOLVE_MS, () => limit.abort())
  const late = new Promise<readonly string[]>((settle) =>
    limit.signal.addEventListener('abort', () => settle([]), { once: true }),
  )
  const family = isIpv6Protocol(remote.protocol) ? 6 : 4
  const addresses = await Promise.race([resolve(remote.host, family).catch(() => []), late])
  return addresses.slice(0, MAX_RESOLVED).map((host) => ({ ...remote, host }))
}

/** Whether somebody else's word is enough to send packets to an address from where this machine is now. */
export function dialable({ own = ownAddresses, isInside }: DialableInit): (address: string) => boolean {
  const ours = own()
  return (address) => mayBeDialled(address, ours) && !isInside(address)
}

const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((some = []) => some.map(({ address }) => address))

async function resolveBySystem(name: string, family: 4 | 6): Promise<readonly string[]> {
  const found = await lookup(name, { all: true, family })
  return found.map(({ address }) => address)
}
