import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Gateway, Lab } from '../../lab/lab.ts'
import type { LabProcess } from '../../lab/lab-process.ts'
import type { Machine } from '../../lab/machine.ts'
import { Miniupnpd, type MiniupnpdOptions } from '../../lab/miniupnpd.ts'
import type { PortToMap } from '../../src/node/port-mapping/port-mapper.ts'
import type { PortMappingState } from '../../src/node/port-mapping/port-mapping-state.ts'

const SCRIPT = fileURLToPath(new URL('../support/port-mapper-process.ts', import.meta.url))
const DEADLINE_MS = 30_000
/** What a node does each half minute, these do in less than four seconds. */
const SPEED = 8
const TCP: PortToMap = { protocol: 'tcp', port: 1194 }
const UDP: PortToMap = { protocol: 'udp', port: 1194 }

let lab: Lab
let gateway: Gateway
let daemon: Miniupnpd
let one: Machine
let other: Machine
beforeAll(async () => {
  lab = await Lab.create({ name: 'mapping' })
  gateway = await lab.nat('home')
  one = await lab.host('one', { on: gateway.lan })
  other = await lab.host('other', { on: gateway.lan })
  daemon = await Miniupnpd.start(lab, gateway)
})
afterAll(() => lab.dispose())
afterEach(() => Promise.all([one.stopProcesses(), other.stopProcesses()]))

/** A port mapper on a machine; what it wrote down is on the machine's disk. */
class Mapper {
  readonly lines: string[] = []
  readonly process: LabProcess

  constructor(machine: Machine, ...ports: PortToMap[]) {
    const stateFile = path.join(machine.directory, 'port-mappings.json')
    const options = JSON.stringify({ ports, stateFile, speed: SPEED })
    this.process = machine.start([process.execPath, '--import', 'tsx', SCRIPT, options], {
      name: 'port mapper',
      directory: process.cwd(),
      onLine: (line) => this.lines.push(line),
    })
  }

  get state(): PortMappingState | null {
    const states = this.lines.filter((line) => line.startsWith('state ')).map((line) => line.slice(6))
    return JSON.parse(states.at(-1) ?? 'null') as PortMappingState | null
  }

  get warnings(): string[] {
    return this.lines.filter((line) => / (WARN|ERROR) /.test(line))
  }

  mapped(): Promise<PortMappingState> {
    return lab.waitFor(() => this.state, { what: 'a mapping', deadlineMs: DEADLINE_MS })
  }
}

/** What the gateway's firewall forwards: `tcp 1194 to 192.168.1.2:1194`. */
const forwarded = async (): Promise<string[]> =>
  (await daemon.forwardedPorts())
    .map(({ protocol, externalPort, to }) => `${protocol} ${externalPort} to ${to}`)
    .sort()
const untilForwarded = (expected: readonly string[]): Promise<true> =>
  lab.waitFor(
    async () => {
      const now = (await forwarded()).join(', ')
      if (now !== expected.join(', ')) throw new Error(`it forwards ${now || 'nothing'}`)
      return true
    },
    { what: `the gateway to forward ${expected.join(', ') || 'nothing'}`, deadlineMs: DEADLINE_MS },
  )

const WAYS: readonly { what: string; options: MiniupnpdOptions; method: string }[] = [
  { what: 'PCP', options: { upnp: false, natPmp: false }, method: 'pcp' },
  { what: 'NAT-PMP', options: { upnp: false, pcp: false }, method: 'nat-pmp' },
  { what: 'UPnP IGD 2', options: { natPmp: false, pcp: false }, method: 'upnp' },
]

describe.each(WAYS)('by $what alone', ({ options, method, what }) => {
  it('ports are mapped, kept, and removed', async () => {
    await daemon.restart(options)
    const first = new Mapper(one, TCP, UDP)
    expect(await first.mapped()).toEqual({
      externalAddress: daemon.externalAddress,
      gateway: '192.168.1.1',
      method,
      ports: [TCP, UDP].map(({ protocol, port }) => ({ protocol, internalPort: port, externalPort: port })),
    })
    const ours = [`tcp 1194 to ${one.addresses.ipv4}:1194`, `udp 1194 to ${one.addresses.ipv4}:1194`]
    expect(await forwarded()).toEqual(ours)

    // Asked by UPnP, the daemon believes to have what is gone from the firewall, and would say so.
    if (method !== 'upnp') await daemon.flush()
    await untilForwarded(ours)
    const newAddress = `20.0.113.${100 + WAYS.findIndex((way) => way.what === what)}`
    await daemon.changeAddress(newAddress)
    await daemon.restart()
    await untilForwarded(ours)
    await lab.waitFor(() => first.state?.externalAddress === newAddress, {
      what: 'the new address to be noticed',
      deadlineMs: DEADLINE_MS,
    })
    expect(first.warnings).toEqual([])

    // Ours is taken now: another one is found.
    const second = new Mapper(other, TCP)
    const [{ externalPort = 0 } = {}] = (await second.mapped()).ports
    expect(externalPort >= 32768 && externalPort <= 49151, `${externalPort}`).toBe(true)
    const theirs = `tcp ${externalPort} to ${other.addresses.ipv4}:1194`
    expect(await forwarded()).toEqual([...ours, theirs].sort())

    // Killed, and started again: as before, and with another port.
    await first.process.killHard()
    await second.process.killHard()
    const again = new Mapper(other, TCP)
    await again.mapped()
    expect(await forwarded()).toEqual([...ours, theirs].sort())
    const changed = new Mapper(one, { ...TCP, port: 443 })
    await changed.mapped()
    const [{ externalPort: newPort = 0 } = {}] = (await changed.mapped()).ports
    expect(await forwarded()).toEqual([`tcp ${newPort} to ${one.addresses.ipv4}:443`, theirs].sort())

    await changed.process.stop()
    expect(await forwarded()).toEqual([theirs])
    await again.process.stop()
    expect(await forwarded()).toEqual([])
  })
})

it('by UPnP IGD 1 alone, ports are mapped and removed', async () => {
  await daemon.restart({ natPmp: false, pcp: false, onlyIgd1: true })
  const mapper = new Mapper(one, TCP, UDP)
  expect(await mapper.mapped()).toMatchObject({ method: 'upnp', externalAddress: daemon.externalAddress })
  expect(await forwarded()).toHaveLength(2)
  await mapper.process.stop()
  expect(await forwarded()).toEqual([])
})

/** In which words: test/unit/node/port-mapping/bad-gateways.test.ts. */
describe('a gateway that does not forward is told of once', () => {
  it.each<{ what: string; options: MiniupnpdOptions | undefined }>([
    {
      what: 'because it is not allowed',
      // Asked by PCP or NAT-PMP, this daemon tries all ports for many seconds before it refuses.
      options: { natPmp: false, pcp: false, rules: ['deny 0-65535 192.168.1.0/24 0-65535'] },
    },
    {
      what: 'because it is behind NAT itself',
      options: { hasPublicAddress: false },
    },
    {
      what: 'because it speaks none of the protocols',
      options: undefined,
    },
  ])('$what, and used when it does', async ({ options }) => {
    await (options ? daemon.restart(options) : daemon.stop())
    const mapper = new Mapper(one, TCP)
    await lab.waitFor(() => mapper.warnings.length > 0, { what: 'a warning', deadlineMs: DEADLINE_MS })
    await daemon.restart({})
    await mapper.mapped()
    // While the daemon restarts, nobody answers: that is said, too, and nothing twice.
    const texts = mapper.warnings.map((warning) => warning.replace(/^.*? WARN /, ''))
    expect(new Set(texts).size).toBe(texts.length)
    await mapper.process.stop()
    expect(await forwarded()).toEqual([])
  })
})
