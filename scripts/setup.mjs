// What `npm run demo`, `npm test` and `npm run bench` need: looked for, installed when missing, said when it cannot be.
// Plain JavaScript without imports from node_modules: nothing may be installed yet.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const projectDirectory = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const OLDEST_NODE = [20, 19]

/** Debian packages of a network in namespaces, by the command that shows they are there. */
const NETWORK_PACKAGES = {
  openvpn: 'openvpn',
  babeld: 'babeld',
  // Another implementation of Babel, for networks of all kinds.
  bird: 'bird2',
  ip: 'iproute2',
  nft: 'nftables',
  iptables: 'iptables',
  ping: 'iputils-ping',
  fping: 'fping',
  pgrep: 'procps',
  setpriv: 'util-linux',
  smcrouted: 'smcroute',
  // The daemon alone: the package miniupnpd is its service, which the lab has no use for.
  miniupnpd: 'miniupnpd-nftables',
  // For a test on a machine whose clock is wrong.
  faketime: 'faketime',
  radvd: 'radvd',
}
/** For the test that looks at the demo's page. */
export const PAGE_TEST_PACKAGES = { chromium: 'chromium' }
/** For the tests of manual pages and shell completion. */
const MANUAL_TEST_PACKAGES = { man: 'man-db', mandoc: 'mandoc', zsh: 'zsh', fish: 'fish' }
/** For the test of a registry behind a proxy. Debian starts it when it is installed: only for who wants all tests. */
export const PROXY_TEST_PACKAGES = { nginx: 'nginx', apache2: 'apache2-bin', caddy: 'caddy' }
/** For tests of the registry with PostgreSQL, which they start by themselves. */
const DATABASE_TEST_PACKAGES = { psql: 'postgresql' }
/** For the tests of a registry whose key is in a PKCS#11 token. */
const TOKEN_TEST_PACKAGES = { 'softhsm2-util': 'softhsm2' }
/** For all tests that `npm test` and .ci/run have in common, beside those that every machine needs. */
export const USUAL_TEST_PACKAGES = {
  ...PAGE_TEST_PACKAGES,
  ...MANUAL_TEST_PACKAGES,
  ...DATABASE_TEST_PACKAGES,
  ...TOKEN_TEST_PACKAGES,
}
/** For the test of several registries behind one address. */
export const BALANCER_TEST_PACKAGES = { haproxy: 'haproxy' }
/** For the test of a database whose standby takes over by itself. Debian starts etcd when it is installed. */
export const FAILOVER_TEST_PACKAGES = { patroni: 'patroni', etcd: 'etcd-server' }
/** For the throughput that `npm run bench` measures. */
export const BENCH_PACKAGES = { iperf3: 'iperf3' }
/** For `npm run deb`. */
export const PACKAGING_PACKAGES = {
  'dpkg-buildpackage': 'dpkg-dev',
  dh: 'debhelper',
  fakeroot: 'fakeroot',
  lintian: 'lintian',
}
/** For what is done in a Debian of its own. */
export const MACHINE_PACKAGES = { debootstrap: 'debootstrap' }
/** For a native addon of which no ready-made build can be fetched. */
const COMPILER_PACKAGES = { python3: 'python3', make: 'make', 'g++': 'g++' }

/**
 * Installs and builds what is missing. Ends the process when Node.js or an npm package cannot be had; what keeps this
 * machine from more than that is the caller's to judge.
 * @param {{ extras?: Record<string, string>, clean?: boolean, network?: boolean }} [wanted] more Debian packages, by a
 *   command of each; `clean` installs the npm packages anew, and leaves it to {@link compile} to compile and build; without
 *   `network`, nothing is run in a network
 * @returns {{ networkObstacles: string[], extraObstacles: string[] }} what keeps it from running a network, and from
 *   what the extras are for, each with what to do; empty: nothing does
 */
export function setUp({ extras = {}, clean = false, network = true } = {}) {
  process.chdir(projectDirectory)
  checkNode()
  const networkObstacles = network ? installDebianPackages(NETWORK_PACKAGES) : []
  const extraObstacles = installDebianPackages(extras)
  if (clean) installNpmPackages('clean install', ['--ignore-scripts'])
  else {
    const reason = npmObstacle()
    if (reason !== undefined) installNpmPackages(reason)
    build()
  }
  if (!network) return { networkObstacles, extraObstacles }
  if (process.getuid() !== 0)
    networkObstacles.unshift('root is needed for network namespaces: run this again as root (sudo)')
  const tun = tunObstacle()
  if (tun !== undefined) networkObstacles.push(tun)
  return { networkObstacles, extraObstacles }
}

/** What `clean` has left: native addons are compiled, and the project is built. */
export function compile() {
  process.chdir(projectDirectory)
  say('compiling native addons')
  // Programs of other packages may be running meanwhile, by their links.
  insistOnNpm(() => npm('rebuild', '--no-bin-links') && npmObstacle() === undefined)
  build()
}

/**
 * Runs a program of the project with this terminal, and ends with its status. Ctrl-C reaches it directly (it is in
 * the same process group) and must not end us before it has cleaned up.
 */
export function becomeProgram(command, args, environment = {}) {
  const child = spawn(command, args, {
    cwd: projectDirectory,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => {
    child.once('error', (error) => fail(error.message))
    child.once('exit', (status, signal) => {
      process.exitCode = status ?? 128 + constants.signals[signal]
      resolve()
    })
  })
}

/** Ends with status 1 and the obstacles, if there are any. */
export function insistOn(what, obstacles) {
  if (obstacles.length === 0) return
  fail(`${what} cannot run on this machine:`, ...obstacles.map((obstacle) => `  - ${obstacle}`))
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return
  fail(
    `Node.js ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}.`,
    'Debian 13 has it (apt-get install nodejs npm); for Debian 12 see https://nodejs.org/en/download',
  )
}

/** @returns {string[]} obstacles */
function installDebianPackages(packages) {
  const missing = missingPackages(packages)
  if (missing.length === 0) return []
  const command = `apt-get install ${missing.join(' ')}`
  if (!hasCommand('apt-get'))
    return [`missing: ${missing.join(', ')} (this is not Debian: install them your way)`]
  if (process.getuid() !== 0) return [`missing Debian packages: ${missing.join(' ')} (as root: ${command})`]
  say(`installing Debian packages: ${missing.join(' ')}`)
  const aptGet = (...args) => {
    const { status, stdout, stderr } = spawnSync('apt-get', ['-y', '-q', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    return { done: status === 0, said: `${stdout}${stderr}` }
  }
  const install = () => aptGet('install', '--no-install-recommends', ...missing)
  let result = install()
  if (!result.done) {
    say('the package lists are old or missing: apt-get update')
    aptGet('update')
    result = install()
  }
  const still = missingPackages(packages)
  if (still.length === 0) return []
  console.error(result.said.trim().split('\n').slice(-10).join('\n'))
  return [`could not install: ${still.join(' ')} (try: ${command})`]
}

const missingPackages = (packages) => [
  ...new Set(
    Object.keys(packages)
      .filter((command) => !hasCommand(command))
      .map((command) => packages[command]),
  ),
]

function hasCommand(command) {
  // Without root, sbin is often not in the path; the commands are there all the same.
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin']
  return directories.some((directory) => directory !== '' && existsSync(path.join(directory, command)))
}

function installNpmPackages(reason, options = []) {
  say(`installing npm packages (${reason})`)
  const isThere = options.length > 0 ? () => true : () => npmObstacle() === undefined
  insistOnNpm(() => npm('ci', '--no-audit', '--no-fund', ...options) && isThere())
}

/** Tries again with compilers, if there were none. */
function insistOnNpm(install) {
  if (install()) return
  // Most likely a native addon without a ready-made build for this machine.
  const compilers = missingPackages(COMPILER_PACKAGES)
  if (compilers.length > 0) {
    say('an npm package has to be compiled here')
    if (installDebianPackages(COMPILER_PACKAGES).length === 0 && install()) return
  }
  fail(
    `The npm packages could not be installed${npmObstacle() === undefined ? '' : ` (${npmObstacle()})`}.`,
    compilers.length > 0
      ? `Compilers may be missing: apt-get install ${compilers.join(' ')}`
      : 'npm says why, above.',
  )
}

// node-gyp compiles one file after the other unless told: SQLite is a minute of a processor.
const npm = (...args) => run('npm', args, { JOBS: 'max', ...headersOfThisNode() })

/** Why the npm packages must be installed, if they must. */
function npmObstacle() {
  const installed = readJson('node_modules/.package-lock.json')
  if (installed === undefined) return 'none yet'
  const wanted = readJson('package-lock.json').packages
  for (const [where, { version, optional }] of Object.entries(wanted)) {
    const present = installed.packages[where]
    // What is optional is there or not, by platform.
    if (where !== '' && present?.version !== version && !(optional && present === undefined))
      return `${where.replace('node_modules/', '')} ${present ? 'has another version' : 'is missing'}`
  }
  try {
    const Database = createRequire(path.join(projectDirectory, 'package.json'))('better-sqlite3')
    new Database(':memory:').close()
  } catch {
    return 'better-sqlite3 is not built for this Node.js'
  }
  return undefined
}

/** Node's own headers, where they are beside it: then node-gyp has nothing to download. */
function headersOfThisNode() {
  const prefix = path.dirname(path.dirname(process.execPath))
  const known = process.env.npm_config_nodedir !== undefined
  return !known && existsSync(path.join(prefix, 'include/node/node_version.h'))
    ? { npm_config_nodedir: prefix }
    : {}
}

function build() {
  const sources = newest(['src', 'scripts/build.mjs', 'package.json'])
  const outputs = readdirSync('src/bin').map((file) => `dist/${file.replace(/\.ts$/, '.js')}`)
  if (outputs.every((file) => existsSync(file) && statSync(file).mtimeMs > sources)) return
  say('building')
  if (!run(process.execPath, ['scripts/build.mjs'])) fail('The build failed.')
}

/** When the newest of these files, or files in these folders, was changed. */
function newest(paths) {
  return Math.max(
    ...paths.map((file) => {
      const { mtimeMs } = statSync(file)
      if (!statSync(file).isDirectory()) return mtimeMs
      return newest([...readdirSync(file).map((name) => path.join(file, name)), 'package.json'])
    }),
  )
}

function tunObstacle() {
  if (!existsSync('/dev/net/tun'))
    return '/dev/net/tun is missing: modprobe tun (in a container: give it the device, --device /dev/net/tun)'
  if (process.getuid() !== 0) return undefined
  try {
    closeSync(openSync('/dev/net/tun', 'r+'))
    return undefined
  } catch (error) {
    return `/dev/net/tun cannot be opened (${error.code}): load the module (modprobe tun), or allow the device in this container`
  }
}

/** @returns {boolean} whether it ended with status 0 */
function run(command, args, environment = {}) {
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...environment },
  })
  return status === 0
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function say(message) {
  console.error(`[setup] ${message}`)
}

/** @returns {never} */
function fail(...lines) {
  for (const line of lines) console.error(line)
  process.exit(1)
}
