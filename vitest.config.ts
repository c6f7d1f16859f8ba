import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.ts'

const testsIn = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => `${directory}/${name}`)
    .filter((path) => path.endsWith('.test.ts'))

/** Tests in which a module is another one (`vi.mock`): it must not be loaded yet, nor stay for those that come after. */
const MOCKED = testsIn('test/unit').filter((path) => readFileSync(path, 'utf8').includes('vi.mock('))

/** Tests of a registry on a database of whatever kind: what is of SQLite alone says why. A standby follows none but SQLite. */
const ON_ANY_DATABASE = [...testsIn('test/unit/registry'), ...testsIn('test/unit/conf')].filter((path) => {
  const text = readFileSync(path, 'utf8')
  return (
    !path.includes('/standby/') &&
    !text.startsWith('// On SQLite alone: ') &&
    /\b(testRegistry|emptyDatabase|emptyStore|databaseWith|makeDatabase)\(/.test(text)
  )
})

/** What is alike in all unit tests. */
const unit = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  restoreMocks: true,
  maxWorkers: 2,
  sequence: { groupOrder: 1 },
}

/** It starts more processes than two cores bear beside others. */
const DEMO = ['test/network/slow/demo.test.ts']

/** Scenarios in which a lost packet is a failure: no more than two at a time, in which little is computed. */
const ALONE = [
  'test/network/slow/closing.test.ts',
  'test/network/slow/leaving.test.ts',
  'test/network/slow/live-changes.test.ts',
]

/** Of the scenarios, those that are run with babeld, too. All of them are among the long tests. */
const WITH_BABELD = ['test/network/slow/rotation.test.ts']
const SCENARIOS = ['test/network/scenarios/**/*.test.ts', 'test/network/slow/**/*.test.ts']

/** With three of them, two processors stand still for a fifth of the time. */
const NETWORK_WORKERS = 4

/** What is waited for comes at once; on a machine that others use, later. */
const expectSoon = { poll: { timeout: 20_000 } }

/** What is alike in all network scenarios. They need root, /dev/net/tun and the daemons. */
const network = {
  // What one file has loaded is there for the next one: reading it all anew costs a second or two of each.
  isolate: false,
  // What a test waits for has deadlines of its own: this is for one that hangs, on a machine that others use.
  testTimeout: 900_000,
  hookTimeout: 900_000,
  expect: expectSoon,
  // A machine shared with others may stand still for longer than any deadline. Who works on the code wants to know at once,
  // and the summary names what passed only when tried again.
  retry: process.env['CI'] ? 2 : 0,
}

/**
 * `unit`, `mocked` and `slow` run anywhere; what computes for long is in `slow`. `postgres` runs the tests of the registry again,
 * on databases of PostgreSQL. `network` runs its files side by side: they wait more than they compute, and each lab has its own
 * names. What is in test/slow and test/network/slow: `slow`, `network-slow`, `alone`, `demo` and `babeld`, is left out of the
 * usual `npm test`; so are `postgres`, and `page-postgres`, the page of a registry with PostgreSQL.
 * `alone` comes after them, and `demo` after that. Nodes have our own router; `babeld` runs some of the scenarios with the
 * other one, `babeld-all` all of them, one after another. `long` takes many minutes.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/summary-reporter.ts'],
    globalSetup: './test/support/build.ts',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          exclude: MOCKED,
          // What one file has loaded is there for the next one: reading it all anew costs most of them more than they take.
          isolate: false,
          expect: expectSoon,
          ...unit,
        },
      },
      {
        test: { name: 'mocked', include: MOCKED, expect: expectSoon, ...unit },
      },
      {
        test: {
          name: 'postgres',
          include: ON_ANY_DATABASE,
          env: { RE6ST_TEST_DATABASE: 'postgres' },
          globalSetup: './test/support/shared-postgres.ts',
          isolate: false,
          expect: expectSoon,
          ...unit,
        },
      },
      {
        test: {
          name: 'slow',
          include: ['test/slow/**/*.test.ts'],
          ...unit,
          // Minutes of a processor, on a machine that may have little left.
          testTimeout: 900_000,
        },
      },
      {
        test: {
          name: 'network',
          include: ['test/network/**/*.test.ts'],
          exclude: ['test/network/slow/**'],
          maxWorkers: NETWORK_WORKERS,
          sequence: { groupOrder: 2 },
          ...network,
        },
      },
      {
        test: {
          name: 'network-slow',
          include: ['test/network/slow/**/*.test.ts'],
          exclude: [...ALONE, ...DEMO],
          maxWorkers: NETWORK_WORKERS,
          // Beside those of `network`, as below.
          sequence: { groupOrder: 2 },
          ...network,
        },
      },
      {
        test: {
          name: 'page-postgres',
          include: ['test/network/registry-page.test.ts'],
          maxWorkers: NETWORK_WORKERS,
          env: { RE6ST_TEST_DATABASE: 'postgres' },
          globalSetup: './test/support/shared-postgres.ts',
          // Beside those of `network`, as above.
          sequence: { groupOrder: 2 },
          ...network,
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
          ...network,
        },
      },
      {
        test: {
          name: 'demo',
          include: DEMO,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
          ...network,
        },
      },
      {
        test: {
          name: 'babeld',
          include: WITH_BABELD,
          maxWorkers: NETWORK_WORKERS,
          env: { RE6ST_TEST_ROUTER: 'babeld' },
          // Beside those of `network`, with as many workers: after them, one file would keep the machine waiting.
          sequence: { groupOrder: 2 },
          ...network,
        },
      },
      {
        test: {
          name: 'babeld-all',
          include: SCENARIOS,
          fileParallelism: false,
          env: { RE6ST_TEST_ROUTER: 'babeld' },
          sequence: { groupOrder: 5 },
          ...network,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
          sequence: { groupOrder: 6 },
        },
      },
    ],
  },
})
