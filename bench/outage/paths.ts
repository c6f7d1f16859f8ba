import type { Re6stNode } from '../../lab/re6st-node.ts'

/** One side of a link between two nodes. */
export interface LinkEnd {
  readonly node: Re6stNode
  readonly iface: string
}

/** A link that packets of a path take. */
export interface Hop {
  readonly from: LinkEnd
  readonly to: LinkEnd
}

/** More hops than any path has that leads somewhere. */
const MOST_HOPS = 12

/** The links that packets between two nodes take now, in order; `undefined`: they do not arrive, or the way changes. */
export async function pathOf(
  from: Re6stNode,
  to: Re6stNode,
  nodes: readonly Re6stNode[],
): Promise<readonly Hop[] | undefined> {
  const ends = await endsByAddress(nodes)
  const hops: Hop[] = []
  for (let node = from; node !== to; ) {
    const [route] = await node.machine.ip('-6', 'route', 'get', to.address)
    const end = ends.get(String(route?.['gateway']))
    if (end === undefined || hops.length >= MOST_HOPS) return undefined
    hops.push({ from: { node, iface: String(route?.['dev']) }, to: end })
    node = end.node
  }
  return hops
}

async function endsByAddress(nodes: readonly Re6stNode[]): Promise<ReadonlyMap<string, LinkEnd>> {
  const ends = new Map<string, LinkEnd>()
  const ofNode = async (node: Re6stNode) => {
    for (const { ifname, addr_info: addresses } of await node.machine.ip(
      '-6',
      'addr',
      'show',
      'scope',
      'link',
    ))
      for (const { local } of addresses as { local: string }[])
        ends.set(local, { node, iface: String(ifname) })
  }
  await Promise.all(nodes.map(ofNode))
  return ends
}
