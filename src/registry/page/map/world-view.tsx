import { geoNaturalEarth1, geoPath } from 'd3-geo'
import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import { useDark } from '../parts/use-media.ts'
import type { Colouring } from './colouring.ts'
import type { Network, NetworkNode, Place } from './network.ts'

interface WorldViewProps {
  readonly network: Network
  readonly colouring: Colouring
  readonly chosen: string | undefined
  readonly choose: (id: string | undefined) => void
}

type Countries = Topology<{ countries: GeometryCollection }>

const WIDTH = 960
const HEIGHT = 480

/** Nodes at one place of the map. */
interface Spot {
  readonly place: Place
  readonly nodes: readonly NetworkNode[]
}

/** Nodes on the map of the world, where GeoIP knows a place; those at one place are one mark, with their number. */
export function WorldView({ network, colouring, chosen, choose }: WorldViewProps): JSX.Element {
  const countries = useCountries()
  const dark = useDark()
  const projection = useMemo(() => geoNaturalEarth1().fitSize([WIDTH, HEIGHT], { type: 'Sphere' }), [])
  const land = useMemo(
    () => countries && geoPath(projection)(feature(countries, countries.objects.countries)),
    [countries, projection],
  )
  const spots = useMemo(() => spotsOf(network.nodes), [network.nodes])
  const nowhere = network.nodes.filter(({ place }) => place === undefined).length
  return (
    <div class="world">
      <svg
        role="img"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        aria-label={`Map of the world with ${network.nodes.length - nowhere} nodes. The table of nodes says the same in words.`}
      >
        {land && <path class="land" d={land} />}
        {spots.map(({ place, nodes }) => {
          const [x = 0, y = 0] = projection([place.longitude, place.latitude]) ?? []
          const first = nodes[0]
          if (first === undefined) return null
          const here = nodes.some(({ id }) => id === chosen)
          return (
            // biome-ignore lint/a11y/noStaticElementInteractions: with the keyboard, nodes are chosen in the table; this drawing is one image to who does not see it
            <g
              key={`${place.longitude} ${place.latitude}`}
              class={here ? 'spot chosen' : 'spot'}
              transform={`translate(${x},${y})`}
              onClick={() => choose(next(nodes, chosen).id)}
            >
              <circle r={radiusFor(nodes.length)} fill={colouring.colourOf(first)[dark ? 'dark' : 'light']} />
              {nodes.length > 1 && (
                <text y={-radiusFor(nodes.length) - 3} text-anchor="middle">
                  {nodes.length}
                </text>
              )}
              <title>
                {nodes.length === 1 ? first.name : `${nodes.length} nodes, among them ${first.name}`}
              </title>
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

const radiusFor = (nodes: number): number => 5 + 2.5 * Math.log10(nodes) * 2

/** A further click on one mark goes on to the next of its nodes. */
function next(nodes: readonly NetworkNode[], chosen: string | undefined): NetworkNode {
  const at = nodes.findIndex(({ id }) => id === chosen)
  return nodes[(at + 1) % nodes.length] as NetworkNode
}

/** Nodes by place, to a degree. */
function spotsOf(nodes: readonly NetworkNode[]): readonly Spot[] {
  const byPlace = new Map<string, { place: Place; nodes: NetworkNode[] }>()
  for (const node of nodes) {
    if (node.place === undefined) continue
    const key = `${Math.round(node.place.longitude)} ${Math.round(node.place.latitude)}`
    const spot = byPlace.get(key)
    if (spot === undefined) byPlace.set(key, { place: node.place, nodes: [node] })
    else spot.nodes.push(node)
  }
  return [...byPlace.values()].sort((a, b) => b.nodes.length - a.nodes.length)
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
