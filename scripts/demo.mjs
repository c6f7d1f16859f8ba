// `npm run demo`: installs what is missing, then shows a whole network. `npm run demo -- --help` says what it can do.
import process from 'node:process'
import { becomeProgram, insistOn, setUp } from './setup.mjs'

const args = process.argv.slice(2)
// Anybody may ask what it can do.
const network = !args.includes('--help') && !args.includes('-h')
insistOn('The demo', setUp({ network }).networkObstacles)
await becomeProgram(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...args])
