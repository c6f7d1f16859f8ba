// `npm run check`: all checks, as many at a time as there are processors. What one says comes when it has ended.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import process from 'node:process'

/** Those that take longest first. */
const CHECKS = ['check:lint', 'check:types', 'check:unused', 'check:imports', 'check:style']

const waiting = [...CHECKS]
const failed = []

const run = (check) =>
  new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', check], { stdio: ['ignore', 'pipe', 'pipe'] })
    const said = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => said.push(part))
    child.once('error', (error) => said.push(Buffer.from(`${error.message}\n`)))
    child.once('close', (status) => {
      if (status !== 0) failed.push(check)
      console.log(`${check}: ${status === 0 ? 'well' : 'FAILED'}`)
      process.stdout.write(Buffer.concat(said))
      resolve()
    })
  })

async function runInTurn() {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) await run(check)
}

await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, runInTurn))
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
