import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import type { StatusReply } from '../../src/core/control/replies.ts'
import { RE6ST_PROTOCOL } from '../../src/core/kernel/route-table.ts'
import type { RunningProcess } from '../../src/platform/processes.ts'
import { DebianMachine } from '../support/debian-machine.ts'
import { buildPackage } from '../support/debian-package.ts'
import { makeNamespace, type Namespace } from '../support/namespace.ts'
import { natPmpGateway } from '../support/nat-pmp-gateway.ts'
import { startRecordedNode, writeRecordedNode, writeRecordedState } from '../support/python-machine.ts'

/** What a node and a registry do as services of a Debian 13, with the few privileges that their units leave them. */

const SOON = { deadlineMs: 120_000 }
const MAIL_PORT = 2525
const GROUP = 'ff3e::4321'
const STREAM_PORT = 5_000
const NODE = '2001:db8:42:1::1'
const COUNTRIES = fileURLToPath(new URL('../vectors/maxmind/GeoIP2-Country-Test.mmdb', import.meta.url))
const BASE = 'registry http://127.0.0.1/\nca ca.crt\ncert cert.crt\nkey cert.key\nverbose 2\n'
const OWN_ADDRESS = 'ip 192.0.2.1\n'

let machine: DebianMachine
let neighbour: Namespace
const running: RunningProcess[] = []

const logOf = (name: string) => readFileSync(machine.file(`var/log/re6stnet/${name}.log`), 'utf8')
/** What a service was kept from. */
const refusals = (name: string) =>
  logOf(name)
    .split('\n')
    .filter((line) => /EPERM|EACCES|EROFS|not permitted|denied|read-only/i.test(line))

/** Has the node run with these options from now on. */
async function configure(options: string, address = OWN_ADDRESS): Promise<void> {
  writeFileSync(machine.file('etc/re6stnet/re6stnet.conf'), `${BASE}${address}${options}`)
  await machine.run('systemctl restart re6stnet')
  await waitFor(async () => (await machine.show('re6stnet', 'StatusText')).startsWith(`${NODE}:`), {
    what: 'the node',
    ...SOON,
  })
}

/** Runs a node beside the machine, until the end of the test. */
function startNeighbour(options: string): void {
  running.push(startRecordedNode(neighbour, options))
}

const ping = (address: string, ...options: readonly string[]) =>
  waitFor(() => neighbour.processes.run('ping', ['-c', '1', '-W', '1', ...options, address]), {
    what: `a ping to ${address} ${options.join(' ')}`,
    ...SOON,
  })

beforeAll(async () => {
  machine = await DebianMachine.make('systemd')
  const deb = await buildPackage()
  await machine.fetch(deb, 'smcroute')
  await machine.boot()
  neighbour = makeNamespace('re6st-services-')
  await machine.join(neighbour, '192.0.2.1/24', '192.0.2.2/24')
  await machine.run('apt-get install -y --no-install-recommends smcroute && systemctl disable --now smcroute')
  writeRecordedNode(machine.file('etc/re6stnet'), 'node-a', `${BASE}${OWN_ADDRESS}`)
  writeRecordedState(machine.root)
  const registry = machine.file('etc/re6stnet/re6st-registry.conf')
  const more = `ipv4 10.42.0.0/16 8\nprefix-length 16\nmailhost 192.0.2.2:${MAIL_PORT}\n`
  writeFileSync(registry, `${readFileSync(registry, 'utf8')}${more}`)
  copyFileSync(COUNTRIES, machine.file('etc/re6stnet/GeoLite2-Country.mmdb'))
  await machine.install(deb)
})
afterEach(async () => {
  for (const process of running.splice(0)) await process.stop(20_000)
})
afterAll(async () => {
  neighbour?.[Symbol.dispose]()
  await machine?.[Symbol.asyncDispose]()
})

describe('the node as a service', () => {
  it('carries IPv6 and IPv4 over UDP, is a gateway, routes multicast, runs commands', async () => {
    await machine.run('ip -6 route add default via fe80::1 dev eth0')
    await configure(
      'pp 1194 udp\ndisable-proto none\ngateway\nmulticast\nup "id -u >/run/re6st-up"\ndaemon "sleep 12345"\n',
    )
    startNeighbour('client 192.0.2.1,1194,udp\ndisable-proto none\nmulticast\n')
    await ping(NODE)
    await ping(NODE, '-s', '1400')
    // What it had cached knows nothing of IPv4: its neighbour has to tell it that there is something newer.
    const ipv4 = await waitFor(
      async () => / inet (10\.42\.[\d.]+)/.exec(await machine.run('ip -4 -o addr show to 10.42.0.0/16'))?.[1],
      { what: 'an IPv4 address', ...SOON },
    )
    await ping(ipv4)
    const wayOut = () => neighbour.ip(`-6 route show from 2001:db8:42::/48 proto ${RE6ST_PROTOCOL}`)
    await waitFor(() => wayOut().startsWith('default '), {
      what: 'the way to the Internet',
      ...SOON,
    })
    expect(await machine.run('cat /run/re6st-up')).toBe('0')
    const programs = await machine.programs()
    for (const program of [/^sleep 12345 $/, /smcrouted/])
      expect(programs).toContainEqual(expect.stringMatching(program))
    const packets: string[] = []
    const receiver = `const socket = require('node:dgram').createSocket({ type: 'udp6', reuseAddr: true })
      socket.on('message', (text) => console.log(String(text)))
      socket.bind(${STREAM_PORT}, '::', () =>
        socket.addSourceSpecificMembership('${NODE}', '${GROUP}', '::%re6stnet-mc'))`
    running.push(
      neighbour.processes.start(process.execPath, ['-e', receiver], { onLine: (line) => packets.push(line) }),
    )
    const sender = `const socket = require("node:dgram").createSocket("udp6")
      socket.bind(0, () => {
        socket.setMulticastInterface("::%re6stnet-mc")
        socket.setMulticastTTL(16)
        setInterval(() => socket.send("packet", ${STREAM_PORT}, "${GROUP}"), 50)
        setTimeout(() => process.exit(), ${SOON.deadlineMs})
      })`
    writeFileSync(machine.file('var/tmp/sender.js'), sender)
    await machine.run('systemd-run --unit=sender --quiet node /var/tmp/sender.js')
    await waitFor(() => packets.length > 20, { what: 'a stream', ...SOON })
    await machine.run('systemctl stop sender')
    expect(refusals('re6stnet')).toEqual([])
    await machine.run('ip -6 route del default via fe80::1')
  })

  it('has the gateway forward its port, and gives it back', async () => {
    await machine.run('ip route add default via 192.0.2.2')
    const external = '20.0.113.77'
    running.push(neighbour.processes.start(process.execPath, ['-e', natPmpGateway(external)]))
    await configure('pp 1194 udp\ndisable-proto none\n', 'ip upnp\n')
    const advertised = async () =>
      (JSON.parse(await machine.run('re6st status --json')) as StatusReply).advertised
    await waitFor(async () => (await advertised()).join() === `${external},1194,udp`, {
      what: 'the port to be advertised',
      ...SOON,
    })
    expect(readFileSync(machine.file('var/lib/re6stnet/port-mappings.json'), 'utf8')).toContain('1194')
    await machine.run('systemctl stop re6stnet')
    expect(existsSync(machine.file('var/lib/re6stnet/port-mappings.json'))).toBe(false)
    expect(refusals('re6stnet')).toEqual([])
    await machine.run('ip route del default')
  })

  it('has neighbours on its LAN', async () => {
    await configure('interface eth0\npp 1194 tcp\n')
    startNeighbour('interface eth0\ndisable-proto none\nip any\n')
    await ping(NODE)
    expect(neighbour.ip(`-6 route get ${NODE}`)).toContain(' dev eth0 ')
    expect(refusals('re6stnet')).toEqual([])
  })

  it('is examined by the doctor, and says which firewall rules it needs', async () => {
    await configure('pp 1194 udp\ndisable-proto none\n')
    const { findings } = JSON.parse((await machine.try('re6st doctor --json')).stdout) as {
      findings: { code: string }[]
    }
    const codes = findings.map(({ code }) => code)
    expect(codes).not.toContain('node-not-running')
    const { stdout } = await machine.try('re6st doctor')
    for (const code of codes) expect(stdout).toContain(code)
    expect(await machine.run('re6st firewall')).toMatch(/udp dport (1194|\{.*1194.*\})/)
  })
})

describe('the registry as a service', () => {
  it('mails tokens, and takes the database of countries', async () => {
    const mails: string[] = []
    const program = fileURLToPath(new URL('../support/mailbox-process.ts', import.meta.url))
    running.push(
      neighbour.processes.start(process.execPath, ['--import', 'tsx', program, String(MAIL_PORT)], {
        onLine: (line) => mails.push(line),
      }),
    )
    const request =
      "fetch('http://127.0.0.1/requestToken?email=new@example.com').then(({ status }) => status)"
    await waitFor(
      async () => (await machine.run(`node -e "${request}.then(console.log)"`)).trim() === '204',
      { what: 'a mail to be taken', ...SOON },
    )
    await waitFor(() => mails.length > 0, { what: 'the mail', ...SOON })
    expect(JSON.parse(mails[0] ?? '')).toMatchObject({
      to: ['new@example.com'],
      text: expect.stringContaining('Token: '),
    })
    const environment = await machine.run(
      `cat /proc/${await machine.show('re6st-registry', 'MainPID')}/environ`,
    )
    expect(environment).toContain('GEOIP2_MMDB=')
    // It would say that the database cannot be used.
    expect(logOf('registry')).not.toContain('GEOIP2_MMDB')
    expect(refusals('registry')).toEqual([])
  })

  it('comes back after it hung', async () => {
    await machine.run(
      'mkdir /run/systemd/system/re6st-registry.service.d && cd /run/systemd/system/re6st-registry.service.d && ' +
        'printf "[Service]\\nWatchdogSec=15s\\n" >test.conf && systemctl daemon-reload && systemctl restart re6st-registry',
    )
    const mainPid = await machine.show('re6st-registry', 'MainPID')
    const lastSignUs = async () => Number(await machine.show('re6st-registry', 'WatchdogTimestampMonotonic'))
    const firstUs = await lastSignUs()
    await waitFor(async () => (await lastSignUs()) > firstUs + 16e6, { what: 'signs of life', ...SOON })
    expect(await machine.show('re6st-registry', 'MainPID')).toBe(mainPid)
    await machine.run('systemctl kill --kill-whom=main --signal=STOP re6st-registry')
    await waitFor(
      async () =>
        (await machine.isActive('re6st-registry')) &&
        (await machine.show('re6st-registry', 'MainPID')) !== mainPid,
      { what: 'the registry after the watchdog', ...SOON },
    )
    expect(await machine.show('re6st-registry', 'StatusText')).toMatch(/^serving .*:80$/)
  })
})

describe('a boot', () => {
  const isNode = () => machine.isActive('re6stnet')
  const isRegistry = () => machine.isActive('re6st-registry')
  async function bootAgain(): Promise<void> {
    await machine.powerOff()
    await machine.boot()
    await machine.join(neighbour, '192.0.2.1/24', '192.0.2.2/24')
  }

  it('starts both, and packets flow', async () => {
    await bootAgain()
    await waitFor(async () => (await isRegistry()) && (await isNode()), { what: 'the services', ...SOON })
    startNeighbour('client 192.0.2.1,1194,udp\ndisable-proto none\n')
    await ping(NODE)
  })

  it('starts what is configured only', async () => {
    await machine.run('cd /etc/re6stnet && mv re6st-registry.conf registry.away')
    await bootAgain()
    await waitFor(isNode, { what: 'the node', ...SOON })
    expect(await isRegistry()).toBe(false)
    await machine.run(
      'cd /etc/re6stnet && mv re6stnet.conf node.away && mv registry.away re6st-registry.conf',
    )
    await bootAgain()
    await waitFor(isRegistry, { what: 'the registry', ...SOON })
    expect(await isNode()).toBe(false)
    expect(await machine.run('systemctl --failed --plain --no-legend | grep re6st || true')).toBe('')
  })
})

it('has what a registry needs whose key is in a PKCS#11 token', async () => {
  const script = 'new (require("/usr/lib/re6stnet/node_modules/pkcs11js").PKCS11)()'
  expect(await machine.run(`node -e '${script}' && echo loaded`)).toBe('loaded')
})
