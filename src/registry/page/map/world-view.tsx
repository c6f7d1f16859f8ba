import { geoNaturalEarth1, geoPath } from 'd3-geo'
import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import { countText } from '../parts/numbers.ts'
import { useDark } from '../parts/use-media.ts'
import { type Colour, type Colouring, type ColourMode, inMode } from './colouring.ts'
import { type Network, type NetworkNode, neighboursOf, type Place, pairKey } from './network.ts'
import { type Spot, sharesOf, spotsOf } from './spots.ts'
import { useZoom } from './use-zoom.ts'
import { onScreen } from './viewport.ts'

interface WorldViewProps {
  readonly network: Network
  readonly colouring: Colouring
  readonly chosen: string | undefined
  /** The nodes from the registry to the chosen one. */
  readonly route: readonly string[]
  readonly choose: (id: string | undefined) => void
}

type Countries = Topology<{ countries: GeometryCollection }>

/** Height of the map for each pixel of its width. */
const HEIGHT = 0.5
/** Marks that are nearer to each other than this, in pixels, are one. */
const NEAR = 28

/**
 * Nodes on the map of the world, where GeoIP knows a place; those near to each other are one mark, with their number and the colours of
 * all, which are told apart when it is magnified. Of the chosen node, its tunnels and the route to it are drawn.
 */
export function WorldView({ network, colouring, chosen, route, choose }: WorldViewProps): JSX.Element {
  const countries = useCountries()
  const mode = useDark() ? 'dark' : 'light'
  const frame = useRef<SVGSVGElement>(null)
  const { view, width, zoom, showAll } = useZoom(frame, HEIGHT)
  const projection = useMemo(
    () => geoNaturalEarth1().fitSize([width, width * HEIGHT], { type: 'Sphere' }),
    [width],
  )
  const draw = useMemo(() => geoPath(projection), [projection])
  const land = useMemo(
    () => countries && draw(feature(countries, countries.objects.countries)),
    [countries, draw],
  )
  const spots = useMemo(
    () =>
      spotsOf(
        network.nodes,
        ({ place }) => {
          const [x, y] = (place && projection(pointOf(place))) ?? []
          return x === undefined || y === undefined ? undefined : { x, y }
        },
        NEAR / view.k,
      ),
    [network.nodes, projection, view.k],
  )
  const nowhere = network.nodes.filter(({ place }) => place === undefined).length
  // What one looks at stays where it is.
  const around = spots.find(({ nodes }) => nodes.some(({ id }) => id === chosen))
  const place = around && onScreen(around, view)
  const lines = useMemo(() => linesOf(network, chosen, route), [network, chosen, route])
  return (
    <div class="world">
      <div class="graph">
        <svg
          ref={frame}
          role="img"
          viewBox={`0 0 ${width} ${width * HEIGHT}`}
          aria-label={`Map of the world with ${countText(network.nodes.length - nowhere, 'node')}. The table of nodes says the same in words.`}
        >
          <g transform={`translate(${view.tx},${view.ty}) scale(${view.k})`}>
            {land && <path class="land" d={land} />}
            {lines.map(({ key, kind, from, to }) => (
              <path
                key={key}
                class={kind}
                d={draw({ type: 'LineString', coordinates: [pointOf(from), pointOf(to)] }) ?? ''}
              />
            ))}
          </g>
          {spots.map((spot) => {
            const { x, y } = onScreen(spot, view)
            const here = spot.nodes.some(({ id }) => id === chosen)
            return (
              // biome-ignore lint/a11y/noStaticElementInteractions: with the keyboard, nodes are found by their names, or in the table; this drawing is one image to who does not see it
              <g
                key={spot.nodes[0].id}
                class={here ? 'spot chosen' : 'spot'}
                transform={`translate(${x},${y})`}
                onClick={() => choose(next(spot.nodes, chosen).id)}
              >
                <Mark spot={spot} colourOf={(node) => colouring.colourOf(node)} mode={mode} />
              </g>
            )
          })}
        </svg>
        <div class="graph-buttons">
          <button type="button" aria-label="Zoom in" onClick={() => zoom(2, place)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => zoom(0.5, place)}>
            −
          </button>
          <button type="button" onClick={showAll}>
            Show all
          </button>
        </div>
      </div>
      {nowhere > 0 && <p class="notice">Of {countText(nowhere, 'node')} no place is known.</p>}
    </div>
  )
}

interface MarkProps {
  readonly spot: Spot
  readonly colourOf: (node: NetworkNode) => Colour
  readonly mode: ColourMode
}

/** A disc; of several nodes, a ring that is divided as their colours are, with their number. */
function Mark({ spot: { nodes }, colourOf, mode }: MarkProps): JSX.Element {
  const [first] = nodes
  const radius = radiusFor(nodes.length)
  const shares = sharesOf(nodes, (node) => inMode(colourOf(node), mode))
  return (
    <>
      <circle class="around" r={FINGER} />
      <circle class="rim" r={radius} />
      {shares.map(({ colour, begin, share }) => (
        // A line as wide as the radius, along half of it, is a sector.
        <circle
          key={colour}
          class="sector"
          r={radius / 2}
          stroke={colour}
          stroke-width={radius}
          pathLength={1}
          stroke-dasharray={share === 1 ? 'none' : `${share} 1`}
          stroke-dashoffset={-begin}
        />
      ))}
      {nodes.length > 1 && (
        <text y={-radius - 3} text-anchor="middle">
          {nodes.length}
        </text>
      )}
      <title>{nodes.length === 1 ? first.name : `${nodes.length} nodes, among them ${first.name}`}</title>
    </>
  )
}

const pointOf = ({ longitude, latitude }: Place): [number, number] => [longitude, latitude]

/** What is touched is so wide around a mark. */
const FINGER = 14

const radiusFor = (nodes: number): number => Math.min(14, 5 + 2.5 * Math.log10(nodes))

/** A further click on one mark goes on to the next of its nodes. */
function next(nodes: Spot['nodes'], chosen: string | undefined): NetworkNode {
  const at = nodes.findIndex(({ id }) => id === chosen)
  return nodes[(at + 1) % nodes.length] ?? nodes[0]
}

interface Line {
  readonly key: string
  readonly kind: 'tunnel' | 'way'
  readonly from: Place
  readonly to: Place
}

/** The tunnels of the chosen node, and the route to it, as far as places are known; each once. */
function linesOf(network: Network, chosen: string | undefined, route: readonly string[]): readonly Line[] {
  if (chosen === undefined) return []
  const places = new Map(network.nodes.map(({ id, place }) => [id, place]))
  const lines = new Map<string, Line>()
  const add = (kind: Line['kind'], one: string, other: string) => {
    const [from, to] = [places.get(one), places.get(other)]
    const key = `${kind} ${pairKey(one, other)}`
    if (from !== undefined && to !== undefined) lines.set(key, { key, kind, from, to })
  }
  for (const { id } of neighboursOf(chosen, network)) add('tunnel', chosen, id)
  for (const [at, hop] of route.slice(1).entries()) add('way', route[at] ?? hop, hop)
  return [...lines.values()]
}

/** The borders, loaded when they are first looked at. */
function useCountries(): Countries | undefined {
  const [countries, setCountries] = useState<Countries>()
  useEffect(() => {
    let wanted = true
    import('world-atlas/countries-110m.json').then(
      ({ default: atlas }) => wanted && setCountries(atlas as unknown as Countries),
      // Without borders, nodes are still where they are.
      () => undefined,
    )
    return () => {
      wanted = false
    }
  }, [])
  return countries
}
