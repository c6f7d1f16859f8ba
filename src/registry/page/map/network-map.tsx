import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Choice } from '../parts/choice.tsx'
import { registryNow } from '../parts/registry-clock.ts'
import { useNow } from '../parts/use-now.ts'
import { COLOUR_MEANINGS, type ColourMeaning, colouringOf } from './colouring.ts'
import { FindNode } from './find-node.tsx'
import { GraphView } from './graph-view.tsx'
import { Legend } from './legend.tsx'
import { colourMeaningOf, MAP_VIEWS, type MapLook, type MapView } from './map-look.ts'
import type { Network } from './network.ts'
import { NodeDetails } from './node-details.tsx'
import { NodeTable } from './node-table.tsx'
import type { PositionStore } from './position-store.ts'
import { WorldView } from './world-view.tsx'

const HOUR_MS = 3600_000
const MEANING_WORDS: Readonly<Record<ColourMeaning, string>> = {
  state: 'state',
  version: 'version',
  country: 'country',
  age: 'age of certificates',
  certificate: 'days left of certificates',
}
const TITLES: Readonly<Record<MapView, string>> = { graph: 'Graph', world: 'World', table: 'Table' }

/** Where the map has what it shows from: the registry's API, or the demo. */
interface NetworkMapProps {
  readonly network: Network
  /** The nodes that packets from the registry to this one pass, both included; empty where no route is known. */
  readonly routeTo: (id: string) => Promise<readonly string[]>
  readonly cuts?: ReadonlySet<string>
  /** Where positions of nodes are kept; always the same one. */
  readonly store: PositionStore
  readonly chosen: string | undefined
  readonly choose: (id: string | undefined) => void
  readonly look: MapLook
  readonly changeLook: (look: MapLook) => void
  /** Shown of the chosen node, where more is known than the map has: also when it is not on the map any more. */
  readonly details?: (id: string) => ComponentChildren
}

const NO_CUTS: ReadonlySet<string> = new Set()
const NO_ROUTE: readonly string[] = []

/** The network: as a graph, on the map of the world, or as a table, with the details of the chosen node. */
export function NetworkMap(props: NetworkMapProps): JSX.Element {
  const { network, routeTo, cuts = NO_CUTS, store, chosen, choose, look, changeLook, details } = props
  const { meaning } = look
  // Certificates grow older while somebody looks.
  const hour = Math.floor(useNow() / HOUR_MS)
  const colouring = useMemo(
    () => colouringOf(meaning, network.nodes, registryNow()),
    [meaning, network.nodes, hour],
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
            <Choice
              label="Colour by"
              names={COLOUR_MEANINGS}
              words={MEANING_WORDS}
              value={meaning}
              change={(name) => changeLook({ view, meaning: colourMeaningOf(name) })}
            />
            <FindNode nodes={network.nodes} choose={choose} />
          </>
        )}
      </div>
      <div class="map-body">
        <div class="map-picture">
          {view === 'graph' && <GraphView {...{ network, colouring, chosen, route, cuts, store, choose }} />}
          {view === 'world' && <WorldView {...{ network, colouring, chosen, route, choose }} />}
          {view === 'table' && <NodeTable {...{ network, chosen, choose }} />}
          {view !== 'table' && (
            <Legend entries={colouring.legend} hasShapes={view === 'graph'} hasChosen={node !== undefined} />
          )}
        </div>
        {details !== undefined && chosen !== undefined && details(chosen)}
        {details === undefined && node !== undefined && <NodeDetails {...{ node, network, route, choose }} />}
      </div>
    </section>
  )
}

/**
 * The route to the chosen node, asked for anew when the network changes, or `routeTo` is another. An answer that comes after the next
 * question is shown all the same, unless there is a later one: it may always come so late.
 */
function useRoute(
  chosen: string | undefined,
  network: Network,
  routeTo: (id: string) => Promise<readonly string[]>,
): readonly string[] {
  const [route, setRoute] = useState(NO_ROUTE)
  const asked = useRef(0)
  const shown = useRef(0)
  // Of another node, none of those that are under way.
  useEffect(() => {
    shown.current = asked.current
    setRoute(NO_ROUTE)
  }, [chosen])
  // Nor any when it is not shown any more.
  useEffect(
    () => () => {
      shown.current = Number.POSITIVE_INFINITY
    },
    [],
  )
  // Another network may have another route.
  useEffect(() => {
    if (chosen === undefined) return
    const mine = ++asked.current
    const show = (hops: readonly string[]) => {
      if (mine <= shown.current) return
      shown.current = mine
      setRoute(hops)
    }
    routeTo(chosen).then(show, () => show(NO_ROUTE))
  }, [chosen, network, routeTo])
  return route
}
