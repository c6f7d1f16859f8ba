import type { JSX } from 'preact'
import type { MachineDetails, MachineRoute } from '../../api/schemas/machines.ts'

interface TunnelsProps {
  readonly tunnels: MachineDetails['tunnels']
  /** Leads to another machine. */
  readonly link: (name: string) => JSX.Element
}

/** The tunnels of a machine, and who has made each. */
export function Tunnels({ tunnels, link }: TunnelsProps): JSX.Element {
  return (
    <>
      <h3>Tunnels ({tunnels.length})</h3>
      {tunnels.length === 0 ? (
        <p>None that the registry knows of.</p>
      ) : (
        <ul>
          {tunnels.map(({ peer, direction }) => (
            <li key={`${direction} ${peer}`}>
              {direction === 'outgoing' ? '→ opened to' : '← accepted from'} {link(peer)}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

interface RouteProps {
  readonly route: MachineRoute | undefined
  readonly isAsking: boolean
  readonly link: (name: string) => JSX.Element
}

/** The way of packets, as the nodes on it say. */
export function Route({ route, isAsking, link }: RouteProps): JSX.Element {
  return (
    <>
      <h3>Route from the registry</h3>
      {route === undefined && isAsking && <p>Asking the nodes on it…</p>}
      {route !== undefined && (
        <>
          <ol>
            {route.hops.map(({ name, by, linkMs }) => (
              <li key={name}>
                {link(name)}
                {linkMs !== undefined && ` ${linkMs.toFixed(1)} ms`}
                {by === 'tunnels' && ' (guessed)'}
              </li>
            ))}
          </ol>
          {route.problem !== undefined && <p class="notice sentence">{route.problem}.</p>}
        </>
      )}
    </>
  )
}
