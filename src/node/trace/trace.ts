import type { HopReply, TraceReply, WayReply } from '../../core/control/routing-replies.ts'
import type { WayOutcome } from '../../core/session/way.ts'
import { ADDRESS_BITS } from '../../core/values/bits.ts'
import { bitsInside, type Network, nodeAddress, type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import type { Pinger } from './pinger.ts'

interface TraceInit {
  readonly network: Network
  readonly own: Prefix
  /** Where a node sends packets to another one: this node knows it by itself, others are asked. */
  readonly wayOf: (prefix: Prefix, target: Prefix) => Promise<WayOutcome>
  readonly pinger: Pinger
  /** Nodes whose names are known, to tell whose an address is. */
  readonly nodes: readonly Prefix[]
}

/** More than a packet lives. */
const MAX_HOPS = 64

interface Hop {
  readonly node: Prefix | undefined
  readonly address: string | undefined
  readonly linkMs: number | undefined
  readonly foundBy: HopReply['foundBy']
}

interface Way {
  readonly hops: readonly Hop[]
  readonly problem: string | undefined
}

/** Follows packets to a node and back, hop by hop. What one hop does not say, packets with few hops to live may show. */
export async function trace(target: Prefix, init: TraceInit): Promise<TraceReply> {
  const { network, own, pinger } = init
  const address = nodeAddress(network, target)
  let shown: Promise<readonly (string | undefined)[]> | undefined
  const packets = () => {
    shown ??= pinger.hops(address)
    return shown
  }
  const [there, back] = await Promise.all([
    followed(own, target, init, packets),
    followed(target, own, init, undefined),
  ])
  const times = new Map<string, number | undefined>()
  const addresses = new Set([...there.hops, ...back.hops].flatMap((hop) => hop.address ?? []))
  addresses.delete(nodeAddress(network, own))
  await Promise.all([...addresses].map(async (one) => times.set(one, await pinger.rttMs(one))))
  return {
    node: subnetNameOf(target),
    address,
    there: wayOf(there, times),
    back: wayOf(back, times),
  }
}

/** @param packets the hops as packets to the end show them, if they can be sent from the beginning */
async function followed(
  begin: Prefix,
  end: Prefix,
  { network, wayOf: ask, nodes }: TraceInit,
  packets: (() => Promise<readonly (string | undefined)[]>) | undefined,
): Promise<Way> {
  const hops: Hop[] = []
  const stopped = (problem: string): Way => ({ hops, problem })
  const seen = new Set<Prefix>()
  for (let at = begin; at !== end; ) {
    if (seen.has(at)) return stopped(`packets go in a circle: ${subnetNameOf(at)} comes again`)
    if (hops.length >= MAX_HOPS) return stopped(`it does not end within ${MAX_HOPS} hops`)
    seen.add(at)
    const outcome = await ask(at, end)
    if (typeof outcome === 'object') {
      const { next, rttMs, metric } = outcome
      if (metric === undefined) return stopped(`${subnetNameOf(at)} has no way to ${subnetNameOf(end)}`)
      if (next === undefined) return stopped(`${subnetNameOf(at)} does not know yet who its next hop is`)
      // Whoever is asked may say what it likes.
      if (network.length + next.length > ADDRESS_BITS)
        return stopped(`${subnetNameOf(at)} names a node that cannot be: ${subnetNameOf(next)}`)
      hops.push({ node: next, address: nodeAddress(network, next), linkMs: rttMs, foundBy: 'routing' })
      at = next
      continue
    }
    const silent =
      outcome === 'not understood'
        ? `${subnetNameOf(at)} does not know the question: it runs the Python implementation, or an older version`
        : `${subnetNameOf(at)} does not answer`
    const shown = (await packets?.()) ?? []
    const next = shown[hops.length]
    if (next === undefined) return stopped(silent)
    const node = nodeAt(next, network, nodes)
    hops.push({ node, address: next, linkMs: undefined, foundBy: 'packets' })
    if (node === undefined) return stopped(`${silent}, and ${next} is none of the network's nodes`)
    at = node
  }
  return { hops, problem: undefined }
}

/** The node with the longest name that has an address. */
function nodeAt(address: string, network: Network, nodes: readonly Prefix[]): Prefix | undefined {
  const bits = bitsInside(network, address)
  if (!bits.ok) return undefined
  const owners = nodes.filter((node) => bits.value.startsWith(node))
  return owners.sort((one, other) => other.length - one.length)[0]
}

const wayOf = ({ hops, problem }: Way, times: ReadonlyMap<string, number | undefined>): WayReply => ({
  complete: problem === undefined,
  problem: problem ?? null,
  hops: hops.map(({ node, address, linkMs, foundBy }) => ({
    node: node === undefined ? null : subnetNameOf(node),
    address: address ?? null,
    linkMs: linkMs ?? null,
    roundTripMs: (address === undefined ? undefined : times.get(address)) ?? null,
    foundBy,
  })),
})
