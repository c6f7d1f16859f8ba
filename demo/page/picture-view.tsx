import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { linksOf, type MachineView, type Picture, waysFrom } from '../model.ts'
import { type Layout, layoutOf, linkPath, middleOf } from './layout.ts'

interface PictureViewProps {
  readonly picture: Picture
  readonly chosen: string
  readonly choose: (name: string) => void
  /** Chooses the next or the previous machine. */
  readonly move: (step: 1 | -1) => void
}

/** The drawing: machines, links, and the ways of packets from the chosen machine. */
export function PictureView({ picture, chosen, choose, move }: PictureViewProps): JSX.Element {
  const [frame, width] = useWidth()
  const layout = layoutOf(picture.machines, width)
  const onWay = new Set(
    waysFrom(chosen, picture).flatMap(({ hops }) => hops.slice(1).map((hop, at) => `${hops[at]} ${hop}`)),
  )
  const siteOf = new Map(picture.machines.map(({ name, site }) => [name, site]))
  const sameSite = (one: string, other: string) =>
    siteOf.get(one) !== undefined && siteOf.get(one) === siteOf.get(other)
  const links = linksOf(picture).map(({ ends: [one, other], protocol }) => {
    const forwards = onWay.has(`${one} ${other}`)
    const used = forwards || onWay.has(`${other} ${one}`)
    // Drawn in the direction of the packets, in which the dashes move.
    const path = forwards
      ? linkPath(layout, one, other, sameSite(one, other))
      : linkPath(layout, other, one, sameSite(one, other))
    return { key: `${one} ${other}`, path, used, protocol }
  })
  return (
    <div
      ref={frame}
      role="radiogroup"
      aria-label="Machines: choose where packets come from. The tables say the same in words."
    >
      <svg
        role="presentation"
        width={layout.width}
        height={layout.height}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
      >
        <ellipse
          class="internet"
          cx={layout.internet.x}
          cy={layout.internet.y}
          rx={layout.internet.rx}
          ry={layout.internet.ry}
        />
        {layout.sites.map(({ site, x, y, width, height }) => (
          <g key={site} class="site">
            <rect x={x} y={y} width={width} height={height} rx={14} />
            <text x={x + 10} y={y + 14}>
              NAT {site}
            </text>
          </g>
        ))}
        <g>
          {links
            .filter(({ used }) => !used)
            .map(({ key, path }) => (
              <path key={key} class="link" d={path} />
            ))}
          {links
            .filter(({ used }) => used)
            .map(({ key, path }) => (
              <path key={key} class="way" d={path} />
            ))}
          {picture.cuts.map(([one, other]) => (
            <CutMark key={`${one} ${other}`} layout={layout} one={one} other={other} />
          ))}
        </g>
        {picture.machines.map((machine) => (
          <MachineMark
            key={machine.name}
            machine={machine}
            layout={layout}
            chosen={machine.name === chosen}
            choose={choose}
            move={move}
          />
        ))}
      </svg>
    </div>
  )
}

function CutMark({ layout, one, other }: { layout: Layout; one: string; other: string }): JSX.Element | null {
  const middle = middleOf(layout, one, other)
  if (middle === undefined) return null
  return (
    <g class="cut">
      <path d={linkPath(layout, one, other, false)} />
      <circle cx={middle.x} cy={middle.y} r={11} />
      <text x={middle.x} y={middle.y + 5} text-anchor="middle">
        ✕
      </text>
    </g>
  )
}

interface MachineMarkProps {
  readonly machine: MachineView
  readonly layout: Layout
  readonly chosen: boolean
  readonly choose: (name: string) => void
  readonly move: (step: 1 | -1) => void
}

function MachineMark({ machine, layout, chosen, choose, move }: MachineMarkProps): JSX.Element | null {
  const mark = useRef<SVGGElement>(null)
  // Arrow keys move the choice, and the focus with it.
  useEffect(() => {
    const group = mark.current?.ownerSVGElement
    if (chosen && group?.contains(document.activeElement)) mark.current?.focus()
  }, [chosen])
  const at = layout.machines.get(machine.name)
  if (at === undefined) return null
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key]
    if (step !== undefined) move(step)
    else if (event.key === ' ' || event.key === 'Enter') choose(machine.name)
    else return
    event.preventDefault()
  }
  const half = Math.max(24, machine.name.length * 4.5 + 10)
  return (
    // biome-ignore lint/a11y/useSemanticElements: there is no input element in SVG
    <g
      ref={mark}
      class={`machine ${machine.stage}${chosen ? ' chosen' : ''}`}
      transform={`translate(${at.x},${at.y})`}
      role="radio"
      aria-checked={chosen}
      aria-label={describe(machine)}
      // In SVG the case of attributes matters.
      tabindex={chosen ? 0 : -1}
      onClick={() => choose(machine.name)}
      onKeyDown={onKeyDown}
    >
      <rect x={-half} y={-17} width={half * 2} height={34} rx={17} />
      <text y={5} text-anchor="middle">
        {machine.name}
      </text>
    </g>
  )
}

const STEPS: Readonly<Record<string, 1 | -1>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }

/** A machine in words. */
function describe({ name, site, stage, address, tunnels }: MachineView): string {
  const place = site === undefined ? 'on a public address' : `behind the NAT ${site}`
  return `${name}, ${place}, ${stage}, ${tunnels.length} tunnels${address === undefined ? '' : `, ${address}`}`
}

/** The width of an element, followed as it changes. */
function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(document.documentElement.clientWidth - 32)
  const observer = useRef<ResizeObserver | undefined>(undefined)
  const attach = useRef((element: HTMLElement | null) => {
    observer.current?.disconnect()
    if (element === null) return
    observer.current = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width))
    observer.current.observe(element)
  })
  return [attach.current, width]
}
