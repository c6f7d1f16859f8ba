import { copyFileSync, existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { removeLeftMappings } from '../../../../src/node/port-mapping/left-mappings.ts'
import { natPmpMethod } from '../../../../src/node/port-mapping/nat-pmp-method.ts'
import { pcpMethod } from '../../../../src/node/port-mapping/pcp-method.ts'
import { upnpMethod } from '../../../../src/node/port-mapping/upnp-method.ts'
import {
  FakeIgd,
  type FakeIgdOptions,
  FakeMappingPort,
  respond,
  routedByFakeGateway,
} from '../../../support/fake-gateway.ts'
import { fastClock } from '../../../support/fast-clock.ts'
import { mapAtFakeGateway } from '../../../support/port-mapper.ts'
import { seededRandom } from '../../../support/random.ts'
import { silentLog } from '../../../support/silent-log.ts'

const clock = fastClock(10)
/** For gateways that make us wait to the end. */
const impatient = fastClock(10, 5)
const DEADLINE_MS = 30_000
/** Tries after which a second line in the log would have been written. */
const TRIES = 2

const BAD_IGDS: readonly (Omit<FakeIgdOptions, 'clock'> & {
  what: string
  line: RegExp
  isSlow?: true
})[] = [
  {
    what: 'accepts connections and says nothing',
    answer: () => true,
    isSlow: true,
    line: /cannot be understood \(UPnP: no whole answer within 5 s\): restart or update it, or forward tcp port 1194/,
  },
  {
    what: 'sends a byte now and then',
    answer: (_, response) => {
      response.writeHead(200, { 'Content-Length': 1000 })
      const dripping = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(dripping))
      return true
    },
    isSlow: true,
    line: /cannot be understood \(UPnP: no whole answer within 5 s\)/,
  },
  {
    what: 'sends an endless page',
    answer: (_, response) => {
      const flood = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
        if (!response.destroyed) response.once('drain', flood)
      }
      flood()
      return true
    },
    line: /cannot be understood \(UPnP: the answer is longer than 65536 bytes\)/,
  },
  {
    what: 'sends half a page',
    answer: (_, response) => {
      response.writeHead(200, { 'Content-Length': 1000 })
      response.write('<root>', () => response.destroy())
      return true
    },
    line: /cannot be understood \(UPnP: the answer was cut off\)/,
  },
  {
    what: 'wants a password',
    answer: (_, response) => {
      response.end('<html><body>Please log in</body></html>')
      return true
    },
    line: /cannot be understood \(UPnP: its description names no connection\)/,
  },
  {
    what: 'does not find its own pages',
    answer: (_, response) => {
      response.writeHead(404).end('?')
      return true
    },
    line: /cannot be understood \(UPnP: HTTP status 404\)/,
  },
  {
    what: 'sends us to another host',
    location: 'http://127.0.0.9:1/root.xml',
    isSlow: true,
    line: /answers neither PCP, NAT-PMP nor UPnP: switch one of them on there/,
  },
  {
    what: 'allows nothing',
    answer: (_, response, action) => {
      if (action !== 'AddPortMapping') return false
      respond(response, action, 606)
      return true
    },
    line: /refuses to forward ports \(UPnP: not authorized, error 606\): allow it there, or forward tcp port 1194/,
  },
  {
    what: 'has no room, in other words each time',
    answer: (_, response, action) => {
      if (action !== 'AddPortMapping') return false
      respond(response, action, 502 + Math.floor(Math.random() * 88))
      return true
    },
    line: /cannot forward ports now \(UPnP: error 5\d\d\)/,
  },
  {
    what: 'has given every port to somebody else',
    answer: (_, response, action) => {
      if (action !== 'AddPortMapping') return false
      respond(response, action, 718)
      return true
    },
    line: /has no free port for us \(UPnP\)/,
  },
  {
    what: 'is behind NAT itself, and therefore forwards nothing',
    externalAddress: '192.168.0.2',
    answer: (_, response, action) => {
      if (action !== 'AddPortMapping') return false
      respond(response, action, 501)
      return true
    },
    line: /is itself behind NAT \(its address outside is 192\.168\.0\.2\)/,
  },
]

describe('a UPnP gateway that', () => {
  it.concurrent.each(BAD_IGDS)(
    '$what is told of in one line, and is asked again',
    async ({ line, what: _, isSlow = false, ...options }) => {
      await using gateway = await FakeIgd.start({ clock, ...options })
      await using tested = mapAtFakeGateway(clock, [
        upnpMethod(isSlow ? impatient : clock, gateway.searchPort),
      ])
      // Several tries, each with a search of its own; a search is sent once more or less.
      const tries = () => tested.said.filter((text) => /the gateway/.test(text)).length
      await waitFor(() => tries() >= TRIES, { what: 'some tries', deadlineMs: DEADLINE_MS })
      const [first, ...more] = tested.said
      expect(first).toMatch(line)
      expect(first).toMatch(/^warn: /)
      expect(more.filter((text) => !text.startsWith('debug: '))).toEqual([])
      expect(tested.mapper.state).toBeUndefined()
      expect(gateway.forwarded).toEqual([])
    },
  )

  it.each([
    { isExpected: false, level: 'info' },
    { isExpected: true, level: 'warn' },
  ])(
    'is behind NAT itself goes on forwarding: $level, as what peers see counts',
    async ({ isExpected, level }) => {
      await using gateway = await FakeIgd.start({ clock, externalAddress: '192.168.0.2' })
      const listeners = [{ protocol: 'tcp', port: 1194 }] as const
      await using tested = mapAtFakeGateway(clock, [upnpMethod(clock, gateway.searchPort)], listeners, {
        isExpected,
      })
      const asked = () => gateway.asked.filter((action) => action === 'GetExternalIPAddress').length
      const before = asked()
      await waitFor(() => tested.mapper.state, { what: 'the mapping', deadlineMs: DEADLINE_MS })
      expect(tested.mapper.state).toMatchObject({
        externalAddress: undefined,
        ports: [{ externalPort: 1194 }],
      })
      expect(tested.said.filter((text) => !text.startsWith('debug: '))).toEqual([
        expect.stringMatching(new RegExp(`^${level}: `)),
      ])
      tested.mapper.askNow()
      await waitFor(() => asked() > before + 1, { what: 'another look', deadlineMs: DEADLINE_MS })
      expect(gateway.forwarded).toEqual(['tcp 1194 to 127.0.0.1:1194'])
      await tested.mapper[Symbol.asyncDispose]()
      expect(gateway.forwarded).toEqual([])
    },
  )

  it('never answers does not hold up the end', async () => {
    await using gateway = await FakeIgd.start({
      clock,
      answer: (_, __, action) => action === 'DeletePortMapping',
    })
    const tested = mapAtFakeGateway(clock, [upnpMethod(clock, gateway.searchPort)])
    await waitFor(() => tested.mapper.state, { what: 'the mapping', deadlineMs: DEADLINE_MS })
    await tested.mapper[Symbol.asyncDispose]()
    expect(tested.said.at(-1)).toMatch(/^debug: mappings at the gateway were not removed/)
    expect(existsSync(tested.stateFile), 'the next start must know').toBe(true)
    await tested[Symbol.asyncDispose]()
  })
})

describe('what answers at the port of PCP and NAT-PMP', () => {
  const random = seededRandom(7)
  const noise = () => Uint8Array.from({ length: Math.floor(random.next() * 70) }, () => random.next() * 256)
  it.concurrent.each<{
    what: string
    answer: (datagram: Uint8Array) => Uint8Array | undefined
    line: RegExp
  }>([
    { what: 'nothing', answer: () => undefined, line: /answers neither PCP, NAT-PMP nor UPnP/ },
    {
      what: 'bytes without sense',
      answer: noise,
      line: /the gateway answers neither/,
    },
    { what: 'our own question', answer: (datagram) => datagram, line: /answers neither PCP/ },
    {
      what: 'a refusal of both',
      answer: ([version = 0, opcode = 0]) => {
        const refusal = Buffer.alloc(60)
        refusal.set([version, opcode | 0x80, 0, 2])
        return refusal
      },
      line: /refuses to forward ports \((PCP|NAT-PMP): not authorized\)/,
    },
  ])('that says $what is told of in one line', async ({ answer, line }) => {
    using port = await FakeMappingPort.start(answer)
    await using tested = mapAtFakeGateway(clock, [
      pcpMethod(impatient, port.port),
      natPmpMethod(impatient, port.port),
    ])
    await waitFor(() => tested.said.length >= TRIES, { what: 'some tries', deadlineMs: DEADLINE_MS })
    expect(tested.said[0]).toMatch(line)
    expect(tested.said.filter((text) => !text.startsWith('debug: '))).toHaveLength(1)
    expect(tested.mapper.state).toBeUndefined()
  })

  it.concurrent('that says something else each time is told of once for each kind of trouble', async () => {
    // The right questions, and results at random: none of them success.
    const answer = ([version = 0, opcode = 0]: Uint8Array) => {
      const result = 1 + Math.floor(random.next() * 13)
      return Buffer.concat([Buffer.of(version, opcode | 0x80, 0, result), noise()])
    }
    using port = await FakeMappingPort.start(answer)
    await using tested = mapAtFakeGateway(fastClock(100), [natPmpMethod(clock, port.port)])
    await waitFor(() => tested.said.length >= 7, { what: 'some tries', deadlineMs: DEADLINE_MS })
    const warnings = tested.said.filter((text) => text.startsWith('warn: '))
    const kinds = warnings.map((text) => /the gateway \w+( \w+)?( \w+)?/.exec(text)?.[0])
    expect(new Set(kinds).size).toBe(kinds.length)
    expect(tested.said.length).toBeGreaterThan(warnings.length)
  })
})

describe('a gateway that', () => {
  // Slower: leases of 20 s must last while this machine does something else.
  const slower = fastClock(5)
  const start = (options: Omit<FakeIgdOptions, 'clock'>) => FakeIgd.start({ clock: slower, ...options })
  const mapAt = (gateway: FakeIgd) => mapAtFakeGateway(slower, [upnpMethod(slower, gateway.searchPort)])
  const MAPPED = ['tcp 1194 to 127.0.0.1:1194']

  it.concurrent('gives short leases is asked again before each ends', async () => {
    await using gateway = await start({ longestLeaseS: 20 })
    await using tested = mapAt(gateway)
    const renewals = () => gateway.asked.filter((action) => action === 'AddPortMapping').length
    await waitFor(() => renewals() >= 3, { what: 'renewals', deadlineMs: DEADLINE_MS })
    expect(gateway.forwarded).toEqual(MAPPED)
    expect(gateway.expired).toBe(0)
    expect(tested.said).toHaveLength(1)
  })

  it.concurrent('lets leases run out whatever it says is given the mapping anew', async () => {
    await using gateway = await start({ longestLeaseS: 20, ignoresRenewal: true })
    await using tested = mapAt(gateway)
    const removals = () => gateway.asked.filter((action) => action === 'DeletePortMapping').length
    await waitFor(() => removals() >= 2, { what: 'mappings anew', deadlineMs: DEADLINE_MS })
    await waitFor(() => gateway.forwarded.length > 0, { what: 'the mapping', deadlineMs: DEADLINE_MS })
    expect(gateway.expired).toBe(0)
    expect(tested.said).toHaveLength(1)
  })

  it.concurrent('has no leases gets a mapping for ever, which ends with us', async () => {
    await using gateway = await start({ leaseError: 725 })
    const tested = mapAt(gateway)
    await waitFor(() => tested.mapper.state, { what: 'the mapping', deadlineMs: DEADLINE_MS })
    expect(gateway.forwarded).toEqual(MAPPED)
    await tested[Symbol.asyncDispose]()
    expect(gateway.forwarded).toEqual([])
  })

  it.concurrent('has given our port away is asked for another, from 32768 to 49151', async () => {
    await using gateway = await start({ takenPorts: [1194] })
    await using tested = mapAt(gateway)
    const state = await waitFor(() => tested.mapper.state, { what: 'the mapping', deadlineMs: DEADLINE_MS })
    const [{ externalPort = 0 } = {}] = state.ports
    expect(gateway.forwarded).toEqual([`tcp ${externalPort} to 127.0.0.1:1194`])
    expect(externalPort >= 32768 && externalPort <= 49151, `${externalPort}`).toBe(true)
  })

  it.concurrent('forwards for a node that was killed is told to end that when nothing is wanted any more', async () => {
    await using gateway = await start({ leaseError: 725 })
    await using tested = mapAt(gateway)
    await waitFor(() => tested.mapper.state, { what: 'the mapping', deadlineMs: DEADLINE_MS })
    const stateFile = `${tested.stateFile}.killed`
    copyFileSync(tested.stateFile, stateFile)
    await using _ = removeLeftMappings({
      stateFile,
      clock: slower,
      log: silentLog,
      processes: routedByFakeGateway,
      methods: [upnpMethod(slower, gateway.searchPort)],
    })
    await waitFor(() => !existsSync(stateFile), { what: 'its end', deadlineMs: DEADLINE_MS })
    expect(gateway.asked).toContain('DeletePortMapping')
  })

  it.concurrent('forgets is reminded', async () => {
    await using gateway = await start({})
    await using tested = mapAt(gateway)
    await waitFor(() => tested.mapper.state, { what: 'the mapping', deadlineMs: DEADLINE_MS })
    gateway.forget()
    await waitFor(() => gateway.forwarded.length > 0, { what: 'the mapping again', deadlineMs: DEADLINE_MS })
    expect(gateway.forwarded).toEqual(MAPPED)
    expect(tested.said).toHaveLength(1)
  })
})

describe('a UPnP gateway that is nearly right', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n'
  it.concurrent.each<Omit<FakeIgdOptions, 'clock'> & { what: string }>([
    { what: 'answers 402 to a lease', leaseError: 402 },
    { what: 'answers 501 to a lease', leaseError: 501 },
    { what: 'answers only for its service', target: 'urn:schemas-upnp-org:service:WANIPConnection:1' },
    { what: 'says no more than that it is a device', target: 'upnp:rootdevice' },
    {
      what: 'has a second blank line before the body, which it does not count',
      distort: (answer) => `${HEAD}Content-Length: ${answer.length}\r\n\r\n\r\n${answer}`,
    },
    {
      what: 'ends with a NUL',
      distort: (answer) => `${HEAD}Content-Length: ${answer.length}\r\n\r\n${answer}\0`,
    },
    {
      what: 'says a length that is too big',
      distort: (answer) => `${HEAD}Content-Length: ${answer.length + 2}\r\n\r\n${answer}`,
    },
    {
      what: 'says its length twice, with blanks before the colons',
      distort: (answer) => `${HEAD}${`Content-Length : ${answer.length}\r\n`.repeat(2)}\r\n${answer}`,
    },
    {
      what: 'has a status of one digit, lines that end in LF, and no blanks',
      distort: (answer) => `HTTP/1.1 2\nServer:x\nContent-Length:${answer.length}\n\n${answer}`,
    },
    {
      what: 'says faults with 200',
      distort: (answer) => `${HEAD}\r\n${answer}`,
    },
    {
      what: 'sends chunks',
      distort: (answer) =>
        `${HEAD}Transfer-Encoding: chunked\r\n\r\n${answer.length.toString(16)}\r\n${answer}\r\n0\r\n\r\n`,
    },
  ])('$what forwards all the same', async ({ what: _, ...options }) => {
    await using gateway = await FakeIgd.start({ clock, ...options })
    await using _mapper = mapAtFakeGateway(clock, [upnpMethod(clock, gateway.searchPort)])
    await waitFor(() => gateway.forwarded.length > 0, { what: 'a mapping', deadlineMs: DEADLINE_MS })
    expect(gateway.forwarded).toEqual(['tcp 1194 to 127.0.0.1:1194'])
  })
})
