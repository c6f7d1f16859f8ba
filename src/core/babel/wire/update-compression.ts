import { INFINITY } from '../metric.ts'
import {
  addressOctets,
  type PrefixOctets,
  prefixOctets,
  routerIdOctets,
  sourcePrefixSize,
} from './address-octets.ts'
import { AE, PREFIX_FLAG, ROUTER_ID_FLAG, TLV_OCTETS } from './numbers.ts'
import type { RouterId, Update } from './tlv.ts'

/** How an Update is written into the packet as it stands. */
export interface UpdatePlan {
  /** To be said before it; undefined: the reader knows. */
  readonly routerId: Uint8Array | undefined
  readonly nextHop: Uint8Array | undefined
  readonly encoding: number
  readonly flags: number
  readonly prefix: PrefixOctets
  /** How many octets of the prefix are left out. */
  readonly omitted: number
  /** Of all that, with types and lengths. */
  readonly size: number
}

/** What a reader of a packet knows already (RFC 8966, 4.5); one for each packet. */
export class UpdateCompression {
  readonly #sender: string
  #routerId: RouterId | undefined
  #nextHopIpv4: string | undefined
  #nextHopIpv6: string | undefined
  /** By encoding. */
  readonly #defaults: (Uint8Array | undefined)[] = []

  /** @param sender source address of the packet: the next hop until another is said */
  constructor(sender: string) {
    this.#sender = sender
    this.#setNextHop(sender)
  }

  /** How `update` is to be written next. */
  plan(update: Update): UpdatePlan {
    const prefix = prefixOctets(update.prefix)
    // A retraction needs neither (RFC 8966, 4.6.9).
    const isRetraction = update.metric === INFINITY
    const nextHop = isRetraction ? undefined : this.#nextHopOf(update)
    const routerId = isRetraction ? undefined : update.routerId
    const encoding = encodingFor(prefix, nextHop)

    const nextHopOctets =
      nextHop === undefined || nextHop === this.#nextHopIpv6 || nextHop === this.#nextHopIpv4
        ? undefined
        : addressOctets(nextHop)
    const routerOctets =
      routerId === undefined || routerId === this.#routerId ? undefined : routerIdOctets(routerId)
    // Of IPv4 prefixes, too, says the RFC; BIRD takes it from those of IPv6 only.
    const isInPrefix =
      encoding === AE.ipv6 && routerOctets !== undefined && isEndOf(prefix.octets, routerOctets)

    const omitted = this.#omitted(prefix, encoding)
    // One that the default prefix begins with: the longer one serves those that follow at least as well.
    const isNewDefault = omitted < prefix.used
    return {
      routerId: isInPrefix ? undefined : routerOctets,
      nextHop: nextHopOctets,
      encoding,
      flags: (isNewDefault ? PREFIX_FLAG : 0) | (isInPrefix ? ROUTER_ID_FLAG : 0),
      prefix,
      omitted,
      size:
        (routerOctets && !isInPrefix ? TLV_OCTETS + 10 : 0) +
        (nextHopOctets ? TLV_OCTETS + 2 + nextHopOctets.length : 0) +
        (TLV_OCTETS + 10 + prefix.used - omitted + sourcePrefixSize(update.from)),
    }
  }

  /** `update` was written as planned. */
  wrote(update: Update, plan: UpdatePlan): void {
    if ((plan.flags & PREFIX_FLAG) !== 0) this.#defaults[plan.encoding] = plan.prefix.octets
    if (update.metric === INFINITY) return
    if (update.routerId !== undefined) this.#routerId = update.routerId
    if (plan.nextHop) this.#setNextHop(this.#nextHopOf(update))
  }

  #setNextHop(address: string): void {
    if (familyOf(address) === 'ipv4') this.#nextHopIpv4 = address
    else this.#nextHopIpv6 = address
  }

  #nextHopOf(update: Update): string {
    return update.nextHop ?? this.#sender
  }

  #omitted({ octets, used }: PrefixOctets, encoding: number): number {
    const defaults = this.#defaults[encoding]
    let omitted = 0
    if (defaults) while (omitted < used && octets[omitted] === defaults[omitted]) omitted++
    return omitted
  }
}

/** Whether an address ends with these eight octets. */
function isEndOf(address: Uint8Array, octets: Uint8Array): boolean {
  for (let each = 0; each < 8; each++) if (octets[each] !== address[8 + each]) return false
  return true
}

/** RFC 9229, 2.1. A retraction is one for both ways of IPv4. */
function encodingFor({ family }: PrefixOctets, nextHop: string | undefined): number {
  if (family === 'ipv6') return AE.ipv6
  return nextHop !== undefined && familyOf(nextHop) === 'ipv6' ? AE.ipv4ViaIpv6 : AE.ipv4
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4')
