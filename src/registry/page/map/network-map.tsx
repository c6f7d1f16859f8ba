import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { registryNow } from '../parts/registry-clock.ts'
import { COLOUR_MEANINGS, type ColourMeaning, colouringOf } from './colouring.ts'
import { FindNode } from './find-node.tsx'
import { GraphView } from './graph-view.tsx'
import { Legend } from './legend.tsx'
import { colourMeaningOf, MAP_VIEWS, type MapLook, type MapView } from './map-look.ts'
import type { Network, NetworkNode } from './network.ts'
import { NodeDetails } from './node-details.tsx'
import { NodeTable } from './node-table.tsx'
import { WorldView } from './world-view.tsx'

const MEANING_WORDS: Readonly<Record<ColourMeaning, string>> = {
  state: 'state',
  version: 'version',
  country: 'country',
  certificate: 'days left of certificates',
}
const TITLES: Readonly<Record<MapView, string>> = { graph: 'Graph', world: 'World', table: 'Table' }

/** Where the map has what it shows from: the registry's API, or the demo. */
interface NetworkMapProps {
  readonly network: Network
  /** The nodes that packets from the registry to this one pass, both included; empty where no route is known. */
  readonly routeTo: (id: string) => Promise<readonly string[]>
  readonly cuts?: ReadonlySet<string>
  /** Under which this browser keeps the positions of nodes. */
  readonly storeKey: string
  readonly chosen: string | undefined
  readonly choose: (id: string | undefined) => void
  readonly look: MapLook
  readonly changeLook: (look: MapLook) => void
  /** Shown of the chosen node, where more is known than the map has. */
  readonly details?: (node: NetworkNode) => ComponentChildren
}

const NO_CUTS: ReadonlySet<string> = new Set()

/** The network: as a graph, on the map of the world, or as a table, with the details of the chosen node. */
export function NetworkMap(props: NetworkMapProps): JSX.Element {
  const { network, routeTo, cuts = NO_CUTS, storeKey, chosen, choose, look, changeLook, details } = props
  const { meaning } = look
  const colouring = useMemo(
    () => colouringOf(meaning, network.nodes, registryNow()),
    [meaning, network.nodes],
  )
  // Without a database of GeoIP there is nothing to show.
  const hasPlaces = network.nodes.some(({ place }) => place !== undefined)
  const view = look.view === 'world' && !hasPlaces ? 'graph' : look.view
  const route = useRoute(chosen, network, routeTo)
  const node = network.nodes.find(({ id }) => id === chosen)
  return (
    <section class="map" aria-label="Network map">
      <div class="bar">
        <fieldset class="tabs">
          <legend class="hidden">View</legend>
          {MAP_VIEWS.filter((name) => name !== 'world' || hasPlaces).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={view === name}
              onClick={() => changeLook({ view: name, meaning })}
            >
              {TITLES[name]}
            </button>
          ))}
        </fieldset>
        {view !== 'table' && (
          <>
            <label>
              Colour by{' '}
              <select
                value={meaning}
                onChange={({ currentTarget }) =>
                  changeLook({ view, meaning: colourMeaningOf(currentTarget.value) })
                }
              >
                {COLOUR_MEANINGS.map((name) => (
                  <option key={name} value={name}>
                    {MEANING_WORDS[name]}
                  </option>
                ))}
              </select>
            </label>
            <FindNode nodes={network.nodes} choose={choose} />
          </>
        )}
      </div>
      <div class="map-body">
        {view === 'graph' && <GraphView {...{ network, colouring, chosen, route, cuts, storeKey, choose }} />}
        {view === 'world' && <WorldView {...{ network, colouring, chosen, route, choose }} />}
        {view === 'table' && <NodeTable {...{ network, chosen, choose }} />}
        {node !== undefined && (details?.(node) ?? <NodeDetails {...{ node, network, route, choose }} />)}
      </div>
      {view !== 'table' && (
        <Legend entries={colouring.legend} hasShapes={view === 'graph'} hasChosen={node !== undefined} />
      )}
    </section>
  )
}

/** The route to the chosen node, asked for anew when the network changes. */
function useRoute(
  chosen: string | undefined,
  network: Network,
  routeTo: (id: string) => Promise<readonly string[]>,
): readonly string[] {
  const [route, setRoute] = useState<readonly string[]>([])
  // Another network may have another route.
  useEffect(() => {
    let wanted = true
    const show = (hops: readonly string[]) => wanted && setRoute(hops)
    if (chosen === undefined) show([])
    else routeTo(chosen).then(show, () => show([]))
    return () => {
      wanted = false
    }
  }, [chosen, network, routeTo])
  return route
}
