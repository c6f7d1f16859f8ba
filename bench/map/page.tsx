import { render } from 'preact'
import { useState } from 'preact/hooks'
import type { MapLook } from '../../src/registry/page/map/map-look.ts'
import { NetworkMap } from '../../src/registry/page/map/network-map.tsx'
import { browserStore } from '../../src/registry/page/map/position-store.ts'
import '../../src/registry/page/style/base.css'
import '../../src/registry/page/style/map.css'
import { syntheticNetwork } from './synthetic-network.ts'

/* The registry's map, with as many nodes as the address says (`?nodes=1000`). */

const network = syntheticNetwork(Number(new URLSearchParams(location.search).get('nodes')))
const store = browserStore('bench')
const noRoute = async (): Promise<readonly string[]> => []

function App() {
  const [chosen, choose] = useState<string>()
  const [look, changeLook] = useState<MapLook>({ view: 'graph', meaning: 'state' })
  return <NetworkMap {...{ network, routeTo: noRoute, store, chosen, choose, look, changeLook }} />
}

render(<App />, document.body)
