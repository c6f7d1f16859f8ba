import type { JSX } from 'preact'
import { type Fact, Facts } from '../parts/facts.tsx'
import { registryNow } from '../parts/registry-clock.ts'
import { STATE_WORDS } from '../parts/state-words.ts'
import { dateOf, daysLeft } from '../parts/time.ts'
import { type Network, type NetworkNode, neighboursOf } from './network.ts'

interface NodeDetailsProps {
  readonly node: NetworkNode
  readonly network: Network
  /** The nodes from the registry to it; empty: no route is known. */
  readonly route: readonly string[]
  readonly choose: (id: string | undefined) => void
}

/** All that is known of a node. */
export function NodeDetails({ node, network, route, choose }: NodeDetailsProps): JSX.Element {
  const names = new Map(network.nodes.map(({ id, name }) => [id, name]))
  const link = (id: string) => (
    <button type="button" class="link" onClick={() => choose(id)}>
      {names.get(id) ?? id}
    </button>
  )
  const neighbours = neighboursOf(node.id, network)
  const facts: readonly Fact[] = [
    ['State', STATE_WORDS[node.state]],
    ['Subnet', node.id],
    ['Address', node.address],
    ['E-mail', node.email],
    ['Version', node.version],
    ['Platform', node.platform],
    ['Country', node.country],
    ['Serial', node.serial],
    ['Certificate from', dateOf(node.certificateBeginMs)],
    ['Certificate until', untilText(node.certificateEndMs)],
    ['Last seen', dateOf(node.lastSeenMs)],
  ]
  return (
    <section class="details" aria-label={`Details of ${node.name}`}>
      <h3>{node.name}</h3>
      <Facts facts={facts} />
      {!node.registry && (
        <>
          <h4>Route from the registry</h4>
          {route.length === 0 ? (
            <p>No route is known.</p>
          ) : (
            <ol class="hops">
              {route.map((hop) => (
                <li key={hop}>{link(hop)}</li>
              ))}
            </ol>
          )}
        </>
      )}
      <h4>Tunnels ({neighbours.length})</h4>
      <ul class="tunnels">
        {neighbours.map(({ id, direction, protocol }) => (
          <li key={`${direction} ${id}`}>
            {direction === 'out' ? 'opened to ' : 'accepted from '}
            {link(id)}
            {protocol !== undefined && ` (${protocol})`}
          </li>
        ))}
      </ul>
    </section>
  )
}

function untilText(endMs: number | undefined): string | undefined {
  const date = dateOf(endMs)
  if (date === undefined || endMs === undefined) return undefined
  const days = daysLeft(endMs, registryNow())
  return days < 0 ? `${date}, ended` : `${date}, ${days} ${days === 1 ? 'day' : 'days'} left`
}
