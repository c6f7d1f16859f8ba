import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { countText } from '../parts/numbers.ts'
import { useDark } from '../parts/use-media.ts'
import type { PositionStore } from './position-store.ts'
import type { Positions } from './positions.ts'
import { type Shown, sceneOf } from './scene.ts'
import { type Settler, startSettler } from './settle.ts'
import { type Stage, startStage } from './stage.ts'

interface GraphViewProps extends Shown {
  readonly store: PositionStore
  readonly choose: (id: string | undefined) => void
}

/** How far an arrow key moves the picture, in pixels. */
const STEP = 60
const NO_POSITIONS: Positions = new Map()

/** The live graph. What it shows, the table beside it says in words. */
export function GraphView({ store, choose, ...shown }: GraphViewProps): JSX.Element {
  const { network, colouring, chosen, route, cuts } = shown
  const canvas = useRef<HTMLCanvasElement>(null)
  const stage = useRef<Stage | undefined>(undefined)
  const settler = useRef<Settler | undefined>(undefined)
  const [positions, setPositions] = useState(NO_POSITIONS)
  const dark = useDark()
  const latestChoose = useRef(choose)
  latestChoose.current = choose

  useEffect(() => {
    if (canvas.current === null) return
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    const theStage = startStage(canvas.current, (id) => latestChoose.current(id))
    const theSettler = startSettler(store, (better, isOnTheWay) => {
      if (!isOnTheWay || !calm) setPositions(better)
    })
    stage.current = theStage
    settler.current = theSettler
    return () => {
      theStage.stop()
      theSettler.stop()
    }
  }, [store])
  useEffect(() => settler.current?.settle(network), [network, store])
  const scene = useMemo(
    () => sceneOf({ network, colouring, chosen, route, cuts }, positions, dark ? 'dark' : 'light'),
    [network, colouring, chosen, route, cuts, positions, dark],
  )
  useEffect(() => stage.current?.show(scene), [scene])
  // After it is shown: it may have been chosen elsewhere, as by its name.
  useEffect(() => {
    if (chosen !== undefined) stage.current?.bring(chosen)
  }, [chosen])

  const onKeyDown = (event: KeyboardEvent) => {
    const step = KEYS[event.key]
    if (step === undefined || stage.current === undefined) return
    step(stage.current)
    event.preventDefault()
  }
  return (
    <div class="graph">
      <section
        class="graph-frame"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: moved with the arrow keys
        tabIndex={0}
        aria-label="Graph: arrow keys move it, + and − magnify it, 0 shows all"
        onKeyDown={onKeyDown}
      >
        <canvas ref={canvas} role="img" aria-label={describe(shown)} />
      </section>
      <div class="graph-buttons">
        <button type="button" aria-label="Zoom in" onClick={() => stage.current?.zoom(1.5)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => stage.current?.zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" onClick={() => stage.current?.showAll()}>
          Show all
        </button>
        <button type="button" onClick={() => settler.current?.anew(network)}>
          Arrange anew
        </button>
      </div>
    </div>
  )
}

const KEYS: Readonly<Record<string, (stage: Stage) => void>> = {
  ArrowLeft: (stage) => stage.pan(STEP, 0),
  ArrowRight: (stage) => stage.pan(-STEP, 0),
  ArrowUp: (stage) => stage.pan(0, STEP),
  ArrowDown: (stage) => stage.pan(0, -STEP),
  '+': (stage) => stage.zoom(1.5),
  '-': (stage) => stage.zoom(1 / 1.5),
  '0': (stage) => stage.showAll(),
}

const describe = ({ network: { nodes, tunnels } }: Shown): string =>
  `Map of ${countText(nodes.length, 'node')} and ${countText(tunnels.length, 'tunnel')}. The table says the same in words.`
