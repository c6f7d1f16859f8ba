import type { ComponentChildren, JSX } from 'preact'
import { type Picture, waysFrom } from '../model.ts'

/** A wide table on a narrow screen: scrolls by itself, also with the keyboard. */
function Scrolling({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="scrolling" aria-label={label} tabIndex={0}>
      {children}
    </section>
  )
}

/** The ways from the chosen machine, in words. */
export function WaysTable({ picture, chosen }: { picture: Picture; chosen: string }): JSX.Element {
  return (
    <Scrolling label={`Ways of packets from ${chosen}`}>
      <table>
        <caption>Ways of packets from {chosen}</caption>
        <thead>
          <tr>
            <th scope="col">to</th>
            <th scope="col">way</th>
            <th scope="col">round trip</th>
          </tr>
        </thead>
        <tbody>
          {waysFrom(chosen, picture).map(({ to, hops, complete }) => (
            <tr key={to} class={complete ? '' : 'broken'}>
              <th scope="row">{to}</th>
              <td class="way-text">{complete ? hops.join(' → ') : `${hops.join(' → ')} → no route`}</td>
              <td class="number">{milliseconds(picture.roundTrips[chosen]?.[to])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
}

/** Every machine, in words. */
export function MachinesTable({
  picture,
  chosen,
  choose,
}: {
  picture: Picture
  chosen: string
  choose: (name: string) => void
}): JSX.Element {
  return (
    <Scrolling label="Machines">
      <table>
        <caption>Machines</caption>
        <thead>
          <tr>
            <th scope="col">name</th>
            <th scope="col">state</th>
            <th scope="col">address in the network</th>
            <th scope="col">reached at</th>
            <th scope="col">tunnels</th>
            <th scope="col">routes</th>
          </tr>
        </thead>
        <tbody>
          {picture.machines.map(({ name, site, stage, address, underlay, tunnels, routes }) => (
            <tr key={name} class={stage === 'killed' ? 'broken' : ''}>
              <th scope="row">
                <button type="button" aria-pressed={name === chosen} onClick={() => choose(name)}>
                  {name}
                </button>
              </th>
              <td>{stage}</td>
              <td>{address ?? '–'}</td>
              <td>{site === undefined ? underlay : `${underlay} behind NAT ${site}`}</td>
              <td class="number">{tunnels.length}</td>
              <td class="number">{routes.length}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
}

/** Round-trip times of all pairs. */
export function MatrixTable({ picture }: { picture: Picture }): JSX.Element {
  const names = picture.machines.map(({ name }) => name)
  return (
    <Scrolling label="Round-trip times of all pairs">
      <table class="matrix">
        <caption>Round trip in milliseconds, from row to column</caption>
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((from) => (
            <tr key={from}>
              <th scope="row">{from}</th>
              {names.map((to) => (
                <td key={to} class="number">
                  {from === to ? '·' : (picture.roundTrips[from]?.[to]?.toFixed(1) ?? '–')}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
}

const milliseconds = (time: number | undefined): string =>
  time === undefined ? '–' : `${time.toFixed(1)} ms`
