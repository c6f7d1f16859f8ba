// `npm run demo`: installs what is missing, then shows a whole network. `npm run demo -- --help` says what it can do.
import process from 'node:process'
import { becomeProgram, insistOn, setUp } from './setup.mjs'

insistOn('The demo', setUp().networkObstacles)
await becomeProgram(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...process.argv.slice(2)])
