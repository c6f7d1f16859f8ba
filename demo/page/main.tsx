import { type JSX, render } from 'preact'
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type { MapLook } from '../../src/registry/page/map/map-look.ts'
import { NetworkMap } from '../../src/registry/page/map/network-map.tsx'
import { browserStore } from '../../src/registry/page/map/position-store.ts'
import { type Picture, reachability } from '../model.ts'
import { cutsOf, networkOf, routeTo } from './network-of.ts'
import { PictureView } from './picture-view.tsx'
import { MachinesTable, MatrixTable, WaysTable } from './tables.tsx'
import './page.css'

const store = browserStore('demo')

type Connection = 'connecting' | 'live' | 'ended'

function App(): JSX.Element {
  const [picture, connection] = usePicture()
  const [wanted, choose] = useState(location.hash.slice(1))
  useEffect(() => {
    if (wanted !== '') history.replaceState(null, '', `#${wanted}`)
  }, [wanted])
  if (picture === undefined)
    return <p class="step">{connection === 'ended' ? 'The demo does not run.' : 'Connecting…'}</p>
  const names = picture.machines.map(({ name }) => name)
  const existing = (name: string) => (names.includes(name) ? name : (names[0] ?? ''))
  const chosen = existing(wanted)
  // From the latest choice: a second key may come before the first one is drawn.
  const move = (step: 1 | -1) =>
    choose((latest) => names.at((names.indexOf(existing(latest)) + step) % names.length) ?? latest)
  return (
    <>
      <header>
        <h1>re6stnet demo</h1>
        <Counters picture={picture} />
        <p class="step" role="status">
          {connection === 'ended' ? 'The demo has ended; this is what it saw last.' : picture.step}
        </p>
      </header>
      <main>
        <figure>
          <PictureView picture={picture} chosen={chosen} choose={choose} move={move} />
          <figcaption>
            <span>
              <span class="key way-key" /> way of packets from <strong>{chosen}</strong>
            </span>
            <span>
              <span class="key link-key" /> other tunnels
            </span>
            <span>
              <span class="key cut-key" /> cut
            </span>
          </figcaption>
        </figure>
        <div class="words">
          <Outages picture={picture} />
          <WaysTable picture={picture} chosen={chosen} />
          <Story picture={picture} />
        </div>
        <div class="wide">
          <MapOfNetwork picture={picture} chosen={chosen} choose={choose} />
          <MatrixTable picture={picture} />
          <MachinesTable picture={picture} chosen={chosen} choose={choose} />
        </div>
      </main>
    </>
  )
}

interface MapProps {
  readonly picture: Picture
  readonly chosen: string
  readonly choose: (name: string) => void
}

/** The map of the registry's page, with what the demo sees. */
function MapOfNetwork({ picture, chosen, choose }: MapProps): JSX.Element {
  const network = useMemo(() => networkOf(picture), [picture])
  const cuts = useMemo(() => cutsOf(picture), [picture])
  const findRoute = useCallback(async (subnet: string) => routeTo(subnet, picture), [picture])
  const [look, changeLook] = useState<MapLook>({ view: 'graph', meaning: 'state' })
  const nameOf = (id: string | undefined) => network.nodes.find((node) => node.id === id)?.name
  return (
    <NetworkMap
      network={network}
      cuts={cuts}
      routeTo={findRoute}
      store={store}
      {...{ look, changeLook }}
      chosen={network.nodes.find(({ name }) => name === chosen)?.id}
      choose={(id) => {
        const name = nameOf(id)
        if (name !== undefined) choose(name)
      }}
    />
  )
}

function Counters({ picture }: { picture: Picture }): JSX.Element {
  const { answered, wanted } = reachability(picture)
  const running = picture.machines.filter(({ stage }) => stage === 'running').length
  return (
    <dl class="counters">
      <div>
        <dt>machines</dt>
        <dd>
          {running}/{picture.machines.length}
        </dd>
      </div>
      <div>
        <dt>pairs that ping</dt>
        <dd>
          {answered}/{wanted}
        </dd>
      </div>
      <div>
        <dt>time</dt>
        <dd>{(picture.elapsedMs / 1000).toFixed(0)} s</dd>
      </div>
    </dl>
  )
}

function Outages({ picture }: { picture: Picture }): JSX.Element | null {
  if (picture.outages.length === 0) return null
  return (
    <ul class="outages">
      {picture.outages.map(({ what, from, to, seconds }) => (
        <li key={what}>
          {what}:{' '}
          <strong>
            {seconds === undefined
              ? 'packets do not flow'
              : `packets flow again after ${seconds.toFixed(1)} s`}
          </strong>{' '}
          ({from} → {to})
        </li>
      ))}
    </ul>
  )
}

function Story({ picture }: { picture: Picture }): JSX.Element {
  return (
    <section aria-label="What happened">
      <h2>What happened</h2>
      <ol class="story">
        {picture.story.map(({ atMs, kind, text }) => (
          <li key={`${atMs} ${text}`} class={kind}>
            <time>{(atMs / 1000).toFixed(1)} s</time> {text}
          </li>
        ))}
      </ol>
    </section>
  )
}

/** The picture, as the demo sends it. */
function usePicture(): [Picture | undefined, Connection] {
  const [picture, setPicture] = useState<Picture>()
  const [connection, setConnection] = useState<Connection>('connecting')
  useEffect(() => {
    const source = new EventSource('events')
    source.onmessage = ({ data }) => {
      setConnection('live')
      setPicture(JSON.parse(data) as Picture)
    }
    // The browser tries again by itself: a demo that is started again is shown.
    source.onerror = () => setConnection('ended')
    return () => source.close()
  }, [])
  return [picture, connection]
}

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
