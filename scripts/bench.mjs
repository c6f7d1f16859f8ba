// `npm run bench`: installs what is missing, measures, and writes docs/benchmarks.md.
import process from 'node:process'
import {
  BENCH_PACKAGES,
  becomeProgram,
  insistOn,
  MACHINE_PACKAGES,
  PACKAGING_PACKAGES,
  PAGE_TEST_PACKAGES,
  setUp,
} from './setup.mjs'

const { networkObstacles, extraObstacles } = setUp({
  extras: { ...BENCH_PACKAGES, ...PAGE_TEST_PACKAGES, ...PACKAGING_PACKAGES, ...MACHINE_PACKAGES },
})
insistOn('The benchmark', [...networkObstacles, ...extraObstacles])
await becomeProgram(process.execPath, ['--import', 'tsx', 'bench/main.ts', ...process.argv.slice(2)])
