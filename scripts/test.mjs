// `npm test`: installs what is missing, then runs every test that this machine can run.
// `--slow`, or CI=true, adds what is in test/slow and test/network/slow, and the tests of the registry on PostgreSQL; `--long` adds them and the tests that take many minutes.
// Other arguments go to vitest.
import process from 'node:process'
import {
  BALANCER_TEST_PACKAGES,
  becomeProgram,
  FAILOVER_TEST_PACKAGES,
  MACHINE_PACKAGES,
  PACKAGING_PACKAGES,
  PROXY_TEST_PACKAGES,
  setUp,
  USUAL_TEST_PACKAGES,
} from './setup.mjs'

const args = process.argv.slice(2)
const isLong = args.includes('--long')
const isSlow = isLong || args.includes('--slow') || Boolean(process.env.CI)
const { networkObstacles, extraObstacles } = setUp({
  extras: {
    ...USUAL_TEST_PACKAGES,
    ...(isSlow ? PROXY_TEST_PACKAGES : {}),
    ...(isLong
      ? { ...PACKAGING_PACKAGES, ...MACHINE_PACKAGES, ...BALANCER_TEST_PACKAGES, ...FAILOVER_TEST_PACKAGES }
      : {}),
  },
})
const projects = [
  'unit',
  'mocked',
  ...(isSlow ? ['slow'] : []),
  ...(isSlow && extraObstacles.length === 0 ? ['postgres'] : []),
  ...(networkObstacles.length > 0
    ? []
    : [
        'network',
        ...(isSlow ? ['network-slow', 'alone', 'demo'] : []),
        ...(isSlow && extraObstacles.length === 0 ? ['page-postgres'] : []),
        ...(isLong ? ['babeld-all', 'long'] : isSlow ? ['babeld'] : []),
      ]),
]
const sayWhatIsNotRun = () => {
  const parts = {
    'network scenarios (test/network)': networkObstacles,
    [`tests of the page${isSlow ? ', of proxies' : ''}${isLong ? ', of packages' : ''}, of the manual, of PostgreSQL and of keys in tokens`]:
      extraObstacles,
  }
  for (const [what, obstacles] of Object.entries(parts)) {
    if (obstacles.length === 0) continue
    console.error(`NOT RUN: the ${what}. What is missing:`)
    for (const obstacle of obstacles) console.error(`  - ${obstacle}`)
  }
}

sayWhatIsNotRun()
await becomeProgram('node_modules/.bin/vitest', [
  'run',
  ...projects.flatMap((project) => ['--project', project]),
  ...args.filter((arg) => !['--long', '--slow'].includes(arg)),
])
if (!isSlow)
  console.error(
    'NOT RUN: the slow tests (test/slow, test/network/slow, those of the registry once more on PostgreSQL): npm test -- --slow runs them, too',
  )
// Again, because by now the first time has scrolled away.
sayWhatIsNotRun()
