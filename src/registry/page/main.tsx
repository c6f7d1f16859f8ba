import { render } from 'preact'
import { App } from './app.tsx'
import { noticeUse } from './in-use.ts'
import { Enrol } from './views/enrol.tsx'
import './style/base.css'
import './style/map.css'
import './style/registry.css'
import './style/top-bar.css'
import './style/views.css'
import './style/print.css'

noticeUse()
const root = document.getElementById('app')
if (root !== null) render(location.pathname === '/enrol' ? <Enrol /> : <App />, root)
