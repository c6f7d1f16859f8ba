import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, cpus, release, totalmem } from 'node:os'
import { benchArguments } from './options.ts'
import { report } from './report.ts'
import { MEASURE, type Results, type SectionName, type SectionResults } from './sections.ts'

/*
 * Measures the sections that are named, or all of them, and writes the report. Results of the others stay as they were:
 * what is compared with each other is measured in one run of one section.
 */

const RESULTS = 'docs/benchmarks.json'
const REPORT = 'docs/benchmarks.md'

const names = Object.keys(MEASURE) as SectionName[]
const { sections: wanted, options } = benchArguments(process.argv.slice(2))
const unknown = wanted.filter((name) => !(names as readonly string[]).includes(name))
if (unknown.length > 0) {
  console.error(`${unknown.join(', ')}: no such section; there are ${names.join(', ')}`)
  process.exit(2)
}

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node.js ${process.version}`
let results: Results = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Results) : {}

let measured: string | undefined
// What a measurement changes of the machine is put back when this process exits.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    console.error(`${signal} while measuring ${measured}: what was measured before that is in ${REPORT}`)
    process.exit(128 + constants.signals[signal])
  })

async function measure<Name extends SectionName>(name: Name): Promise<void> {
  console.log(`${name} …`)
  measured = name
  // At once: what was measured is not lost when a later part fails.
  const keep = (result: SectionResults[Name]) => {
    const measuredOn = `${new Date().toISOString().slice(0, 10)}, ${machine}`
    results = { ...results, [name]: { measuredOn, result } }
    writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`)
    writeFileSync(REPORT, report(results))
  }
  const result = await MEASURE[name](options, { before: results[name]?.result, keep })
  console.log(result)
  keep(result)
}

for (const name of names) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  try {
    await measure(name)
  } catch (error) {
    // The others are measured all the same.
    console.error(`${name} could not be measured:`, error)
    process.exitCode = 1
  }
}
