import { connect } from 'node:net'
import path from 'node:path'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { parseSocketLine, type RouteEntry } from '../src/core/babel/socket-line.ts'
import { type Network, prefixOfCidr, subnetNameOf } from '../src/core/values/prefix.ts'
import type { MachineView, TunnelView } from './model.ts'

const ANSWER_MS = 1_000
/** One `ok` ends babeld's greeting, a second one the dump. */
const OKS_OF_A_DUMP = 2

/**
 * A node's tunnels and routes, as its babeld knows them: a tunnel is shown when Babel runs through it, which is when
 * it begins to be of use. @throws Error while the node has no babeld
 */
export async function viewOf(node: Re6stNode): Promise<Pick<MachineView, 'tunnels' | 'routes'>> {
  return viewOfRoutes(node.network, await routesOf(path.join(node.runDirectory, 'babeld.sock')))
}

/** The view that babeld's table of routes gives. */
export function viewOfRoutes(
  network: Network,
  table: readonly RouteEntry[],
): Pick<MachineView, 'tunnels' | 'routes'> {
  const routes = table.flatMap((route) => {
    const prefix = prefixOfCidr(network, route.prefix)
    return prefix.ok && prefix.value !== '' ? [{ ...route, to: subnetNameOf(prefix.value) }] : []
  })
  // What a neighbour itself announces (RFC 8966, 3.5.2) tells whose the link-local address is.
  const neighbours = routes.filter(({ refmetric }) => refmetric === 0)
  const nameOf = (via: string, iface: string) =>
    neighbours.find((neighbour) => neighbour.via === via && neighbour.iface === iface)?.to
  return {
    tunnels: neighbours.flatMap(({ to, iface }) => tunnelOver(iface, to) ?? []),
    routes: routes.flatMap(({ installed, to, via, iface, metric }) => {
      const next = nameOf(via, iface)
      return installed && next !== undefined ? [{ to, next, iface, metric }] : []
    }),
  }
}

/** Interfaces of servers are named after their protocol, those of client tunnels have a number. */
function tunnelOver(iface: string, peer: string): TunnelView | undefined {
  const [, protocol, number] = /^re6stnet(?:-(\w+)|(\d+))$/.exec(iface) ?? []
  if (protocol !== undefined) return { peer, role: 'server', protocol, iface }
  return number === undefined ? undefined : { peer, role: 'client', protocol: 'tunnel', iface }
}

function routesOf(socketPath: string): Promise<RouteEntry[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('babeld does not answer')))
    let text = ''
    socket.on('connect', () => socket.write('dump\n'))
    socket.on('data', (data) => {
      text += data
      const lines = text.split('\n').flatMap((line) => {
        const read = parseSocketLine(line)
        return read.ok ? [read.value] : []
      })
      if (lines.filter(({ kind }) => kind === 'answer').length < OKS_OF_A_DUMP) return
      socket.destroy()
      resolve(lines.flatMap((line) => (line.kind === 'route' ? [line.entry] : [])))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('babeld ended')))
  })
}
