// `npm run demo`: installs what is missing, then shows a whole network. `npm run demo -- --help` says what it can do.
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { becomeProgram, insistOn, setUp } from './setup.mjs'

const args = process.argv.slice(2)
// Anybody may ask what it can do, at once.
if (args.includes('--help') || args.includes('-h'))
  process.stdout.write(readFileSync(new URL('../demo/help.txt', import.meta.url), 'utf8'))
else {
  insistOn('The demo', setUp().networkObstacles)
  await becomeProgram(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...args])
}
