import { geoNaturalEarth1, geoPath } from 'd3-geo'
import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import { useDark } from '../parts/use-media.ts'
import { type Colour, type Colouring, inMode } from './colouring.ts'
import { type Network, type NetworkNode, neighboursOf, type Place, pairKey } from './network.ts'
import { type Spot, sharesOf, spotsOf } from './spots.ts'

interface WorldViewProps {
  readonly network: Network
  readonly colouring: Colouring
  readonly chosen: string | undefined
  /** The nodes from the registry to the chosen one. */
  readonly route: readonly string[]
  readonly choose: (id: string | undefined) => void
}

type Countries = Topology<{ countries: GeometryCollection }>

const WIDTH = 960
const HEIGHT = 480

/**
 * Nodes on the map of the world, where GeoIP knows a place; those at one place are one mark, with their number and the colours of all.
 * Of the chosen node, its tunnels and the route to it are drawn.
 */
export function WorldView({ network, colouring, chosen, route, choose }: WorldViewProps): JSX.Element {
  const countries = useCountries()
  const mode = useDark() ? 'dark' : 'light'
  const projection = useMemo(() => geoNaturalEarth1().fitSize([WIDTH, HEIGHT], { type: 'Sphere' }), [])
  const draw = useMemo(() => geoPath(projection), [projection])
  const land = useMemo(
    () => countries && draw(feature(countries, countries.objects.countries)),
    [countries, draw],
  )
  const spots = useMemo(() => spotsOf(network.nodes), [network.nodes])
  const nowhere = network.nodes.filter(({ place }) => place === undefined).length
  const lines = useMemo(() => linesOf(network, chosen, route), [network, chosen, route])
  return (
    <div class="world">
      <svg
        role="img"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        aria-label={`Map of the world with ${network.nodes.length - nowhere} nodes. The table of nodes says the same in words.`}
      >
        {land && <path class="land" d={land} />}
        {lines.map(({ key, kind, from, to }) => (
          <path
            key={key}
            class={kind}
            d={draw({ type: 'LineString', coordinates: [pointOf(from), pointOf(to)] }) ?? ''}
          />
        ))}
        {spots.map((spot) => {
          const { place, nodes } = spot
          const [x = 0, y = 0] = projection(pointOf(place)) ?? []
          const here = nodes.some(({ id }) => id === chosen)
          return (
            // biome-ignore lint/a11y/noStaticElementInteractions: with the keyboard, nodes are chosen in the table; this drawing is one image to who does not see it
            <g
              key={`${place.longitude} ${place.latitude}`}
              class={here ? 'spot chosen' : 'spot'}
              transform={`translate(${x},${y})`}
              onClick={() => choose(next(nodes, chosen).id)}
            >
              <Mark spot={spot} colourOf={(node) => colouring.colourOf(node)} mode={mode} />
            </g>
          )
        })}
      </svg>
      {nowhere > 0 && (
        <p class="notice">
          Of {nowhere} {nowhere === 1 ? 'node' : 'nodes'} no place is known.
        </p>
      )}
    </div>
  )
}

interface MarkProps {
  readonly spot: Spot
  readonly colourOf: (node: NetworkNode) => Colour
  readonly mode: keyof Colour
}

/** A disc; of several nodes, a ring that is divided as their colours are, with their number. */
function Mark({ spot: { nodes }, colourOf, mode }: MarkProps): JSX.Element {
  const [first] = nodes
  const radius = radiusFor(nodes.length)
  const shares = sharesOf(nodes, (node) => inMode(colourOf(node), mode))
  return (
    <>
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

const radiusFor = (nodes: number): number => 5 + 2.5 * Math.log10(nodes) * 2

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
