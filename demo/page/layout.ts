import type { MachineView } from '../model.ts'

/** A place in the drawing, in CSS pixels. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** The box around the machines of one site. */
interface SiteBox {
  readonly site: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Where everything is drawn. */
export interface Layout {
  readonly width: number
  readonly height: number
  readonly machines: ReadonlyMap<string, Point>
  readonly sites: readonly SiteBox[]
  readonly internet: Point & { readonly rx: number; readonly ry: number }
}

/** Half the size of a machine's label, with some room. */
const HALF_WIDTH = 42
const HALF_HEIGHT = 26
/** Distance of a site from the edge. */
const MARGIN = 72
/** A row of machines bends, so that a line between the outer ones does not cross those between. */
const BEND = 26
/** Narrower than this, sites are above and below the Internet instead of beside it. */
const NARROW_WIDTH = 620
const WIDE_HEIGHT = 480
const NARROW_HEIGHT = 640

/** The Internet in the middle with the public machines around it, the sites beside it. */
export function layoutOf(machines: readonly MachineView[], width: number): Layout {
  const narrow = width < NARROW_WIDTH
  const height = narrow ? NARROW_HEIGHT : WIDE_HEIGHT
  const centre = { x: width / 2, y: height / 2 }
  const places = new Map<string, Point>()

  const open = machines.filter(({ site }) => site === undefined)
  // A window may be as narrow as it likes.
  const rx = Math.max(1, narrow ? width / 2 - HALF_WIDTH - 6 : width / 2 - MARGIN - HALF_WIDTH * 2.6)
  const ry = narrow ? height / 2 - MARGIN - HALF_HEIGHT * 5 : height / 2 - HALF_HEIGHT - 24
  open.forEach(({ name }, index) => {
    // A quarter of a step aside: no two machines exactly above each other.
    const angle = ((index + 0.25) / open.length) * 2 * Math.PI - Math.PI / 2
    places.set(name, { x: centre.x + rx * Math.cos(angle), y: centre.y + ry * Math.sin(angle) })
  })

  const siteNames = [...new Set(machines.flatMap(({ site }) => site ?? []))]
  const sites = siteNames.map((site, siteIndex): SiteBox => {
    const members = machines.filter((machine) => machine.site === site)
    // Sites take turns on the two sides; several on one side share its length.
    const first = siteIndex % 2 === 0
    const sharing = siteNames.filter((_, other) => other % 2 === siteIndex % 2)
    const length = narrow ? width : height
    const from = (sharing.indexOf(site) / sharing.length) * length
    const points = members.map(({ name }, index) => {
      const at = (index + 1) / (members.length + 1)
      const along = from + (at * length) / sharing.length
      const outwards = MARGIN - BEND * Math.sin(Math.PI * at) + (members.length === 1 ? BEND : 0)
      const across = first ? outwards : (narrow ? height : width) - outwards
      const point = narrow ? { x: along, y: across } : { x: across, y: along }
      places.set(name, point)
      return point
    })
    return { site, ...boxAround(points) }
  })
  return { width, height, machines: places, sites, internet: { ...centre, rx, ry } }
}

/** A path between two machines: straight, or around the machines between them when both are at one site. */
export function linkPath(layout: Layout, from: string, to: string, sameSite: boolean): string {
  const [a, b] = [layout.machines.get(from), layout.machines.get(to)]
  if (a === undefined || b === undefined) return ''
  if (!sameSite) return `M${a.x},${a.y} L${b.x},${b.y}`
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
  const towards = { x: layout.internet.x - middle.x, y: layout.internet.y - middle.y }
  const distance = Math.hypot(towards.x, towards.y) || 1
  const bend = Math.hypot(a.x - b.x, a.y - b.y) * 0.35
  return `M${a.x},${a.y} Q${middle.x + (towards.x / distance) * bend},${middle.y + (towards.y / distance) * bend} ${b.x},${b.y}`
}

/** The middle between two machines, for a mark on a straight link. */
export function middleOf(layout: Layout, from: string, to: string): Point | undefined {
  const [a, b] = [layout.machines.get(from), layout.machines.get(to)]
  return a && b && { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }
}

function boxAround(points: readonly Point[]): Omit<SiteBox, 'site'> {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)]
  const [left, top] = [Math.min(...xs) - HALF_WIDTH + 4, Math.min(...ys) - HALF_HEIGHT - 16]
  return {
    x: left,
    y: top,
    width: Math.max(...xs) + HALF_WIDTH - 4 - left,
    height: Math.max(...ys) + HALF_HEIGHT - top,
  }
}
