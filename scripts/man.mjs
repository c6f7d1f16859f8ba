// `npm run man`: makes manual pages and shell completion in dist/, and the parts of docs/manual that are generated.
import process from 'node:process'
import { becomeProgram, setUp } from './setup.mjs'

setUp({ network: false })
await becomeProgram(process.execPath, ['--import', 'tsx', 'manual/main.ts'])
