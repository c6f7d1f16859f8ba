import { render } from 'preact'
import { App } from './app.tsx'
import { Enrol } from './views/enrol.tsx'
import './style/base.css'
import './style/map.css'
import './style/registry.css'

const root = document.getElementById('app')
if (root !== null) render(location.pathname === '/enrol' ? <Enrol /> : <App />, root)
