import { linkSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createOpenvpnTransport } from '../../../../src/node/transport/openvpn-transport.ts'
import type { ClientEvent, ServerEvent, Transport } from '../../../../src/node/transport/transport.ts'
import { type Clock, systemClock } from '../../../../src/platform/clock.ts'
import type { Logger } from '../../../../src/platform/log.ts'
import type { ProcessEnd, Processes } from '../../../../src/platform/processes.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

/** So much faster passes the time in which something must answer: a machine that has more to do answers in it, too. */
const FAST = 20
/** A clock on which seconds pass in 50 ms, and minutes at once. */
const fastClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / FAST, signal),
  after: (ms, action) => systemClock.after(ms > 60_000 ? 100 : ms / FAST, action),
  every: (ms, action) => systemClock.every(ms / FAST, action),
}

/**
 * What an OpenVPN that misbehaves does once it is connected. The real one cannot be brought to it.
 * @param whenRaised has something done when its interface was raised, with which a server listens
 */
type Script = (socket: Socket, whenRaised: (action: () => void) => void) => void

let directory: string
let transport: Transport | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ovu-'))
})
afterEach(async () => {
  await transport?.stop()
  expect(readdirSync(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

/** Runs scripts instead of OpenVPN, one after another; the last one again and again. */
function transportOver(
  scripts: readonly (Script | 'does not connect')[],
  {
    version = 'OpenVPN 2.6.14 x86_64',
    ipFails = false,
    hasMemory = true,
    log = silentLog,
    clock = fastClock,
  } = {},
) {
  const commands: string[] = []
  const started: string[] = []
  // Not of all tests: one that is over may still be raising an interface.
  const raised: (() => void)[] = []
  let count = 0
  let isOutOfMemory = !hasMemory
  const processes: Processes = {
    run: async (command, args) => {
      commands.push([command, ...args].join(' '))
      if (ipFails) throw new Error('no IPv6 here')
      // What waits for that has heard of it by then.
      setImmediate(() =>
        setImmediate(() => {
          for (const action of raised.splice(0)) action()
        }),
      )
      return { stdout: '', stderr: '' }
    },
    start(command, args, options) {
      started.push([command, ...args].join(' '))
      let finish: (end: ProcessEnd) => void = () => {}
      const ended = new Promise<ProcessEnd>((resolve) => {
        finish = resolve
      })
      let socket: Socket | undefined
      const end = () => {
        socket?.destroy()
        finish({ kind: 'exited', status: 0 })
      }
      const stop = () => {
        end()
        return ended
      }
      if (isOutOfMemory) finish({ kind: 'not-started', error: failedToStart('ENOMEM') })
      else if (args[0] === '--version') {
        if (version === '') finish({ kind: 'not-started', error: failedToStart('ENOENT') })
        else if (version === STANDS_STILL && started.length === 1)
          return { pid: 1, ended, signal: end, write: () => {}, endInput: () => {}, stop }
        else options?.onLine?.(version, 'stdout')
        finish({ kind: 'exited', status: 1 })
      } else {
        const script = scripts[Math.min(count++, scripts.length - 1)]
        if (script && script !== 'does not connect') {
          socket = connect(args[args.indexOf('--management') + 1] ?? '')
          socket.on('error', () => {}).on('close', end)
          script(socket, (action) => raised.push(action))
        }
      }
      return { pid: 1, ended, signal: end, write: () => {}, endInput: () => {}, stop }
    },
  }
  transport = createOpenvpnTransport({
    processes,
    clock,
    log,
    runDirectory: directory,
    logDirectory: directory,
    files: { ca: 'ca', cert: 'cert', key: 'key' },
    extraArguments: ['--x-extra'],
    ovpnlog: false,
  })
  const outOfMemory = (is: boolean) => {
    isOutOfMemory = is
  }
  return { transport, commands, started, outOfMemory }
}

/** What a version is that is told only when it is asked for a second time. */
const STANDS_STILL = 'OpenVPN 2.6.14 stood still'

const failedToStart = (code: string) => Object.assign(new Error(`spawn openvpn ${code}`), { code })

/** Answers everything, and says these lines when it is released. */
const behaves =
  (...lines: readonly string[]): ((socket: Socket) => void) =>
  (socket) => {
    socket.write('>INFO:OpenVPN Management Interface Version 5\n>HOLD:Waiting for hold release:0\n')
    let inBlock = false
    socket.on('data', (chunk: Buffer) => {
      for (const line of String(chunk).split('\n').filter(Boolean)) {
        if (line.startsWith('client-auth ')) inBlock = true
        if (line === 'END') inBlock = false
        if (!inBlock) socket.write(`SUCCESS: ${line}\n`)
        if (line === 'hold release') socket.write(`${lines.join('\n')}\n`)
      }
    })
  }

const CONNECTED = '>STATE:1,CONNECTED,SUCCESS,,,,,'
/** A client tunnel is up. */
const UP = [
  '>LOG:1,I,UDPv4 link remote: [AF_INET]192.0.2.1:1194',
  ...['>UPDOWN:UP', '>UPDOWN:ENV,common_name=1/16', '>UPDOWN:ENV,tls_serial_0=2'],
  ...['>UPDOWN:ENV,untrusted_ip=192.0.2.1', '>UPDOWN:ENV,untrusted_port=1194', '>UPDOWN:ENV,END'],
]
/** A client of a server is up. */
const CLIENT_UP = [
  ...['>CLIENT:CONNECT,0,1', '>CLIENT:ENV,common_name=1/16', '>CLIENT:ENV,tls_serial_0=2'],
  ...['>CLIENT:ENV,untrusted_ip=192.0.2.2', '>CLIENT:ENV,untrusted_port=40000', '>CLIENT:ENV,END'],
  ...['>CLIENT:ESTABLISHED,0', '>CLIENT:ENV,END'],
]

async function listen(transport: Transport) {
  const events: ServerEvent[] = []
  const server = await transport.listen(
    {
      iface: 're6stnet-udp',
      protocol: 'udp',
      port: 1194,
      admit: () => ({ admit: true }),
      onEvent: (event) => events.push(event),
    },
    AbortSignal.timeout(5_000),
  )
  return { server, events }
}

const reasonsOf = (events: readonly ServerEvent[]) =>
  events.flatMap((event) => (event.kind === 'failed' ? [event.reason] : []))

const failed = (events: readonly ServerEvent[]) => expect.poll(() => reasonsOf(events)[0]).toBeDefined()

describe('an OpenVPN', () => {
  it('that is not there is named, with the package that it comes with', async () => {
    const { transport } = transportOver([], { version: '' })
    await expect(listen(transport)).rejects.toMatchObject({
      code: 'DAEMON',
      message: expect.stringContaining('openvpn is not installed (Debian package: openvpn)'),
    })
  })

  it('that stands still when it is asked for its version is ended, and asked again for the next tunnel', async () => {
    const { transport } = transportOver([behaves(CONNECTED)], { version: STANDS_STILL })
    await expect(listen(transport)).rejects.toThrow('openvpn does not say its version within 30 s')
    await listen(transport)
  })

  it('that is too old is refused', async () => {
    const { transport } = transportOver([], { version: 'OpenVPN 2.4.7 x86_64' })
    await expect(listen(transport)).rejects.toThrow('openvpn 2.4.7 is too old: 2.6 or later is needed')
  })

  it('that does not connect is ended', async () => {
    const { transport } = transportOver(['does not connect'])
    await expect(listen(transport)).rejects.toThrow('openvpn does not connect to its management socket')
  })

  it('whose interface is raised before the server counts as listening', async () => {
    const { transport, commands, started } = transportOver([behaves(CONNECTED)])
    const { events } = await listen(transport)
    expect(events).toEqual([{ kind: 'listening' }])
    expect(commands).toEqual(['ip -batch -'])
    expect(started.at(-1)).toMatch(/--x-extra$/)
  })

  it('whose interface cannot be raised is ended, and the reason is told', async () => {
    const { transport } = transportOver([behaves(CONNECTED)], { ipFails: true })
    await expect(listen(transport)).rejects.toThrow('the server re6stnet-udp cannot be started: no IPv6 here')
  })

  it('that says the same again and again is heard once', async () => {
    const logged: string[] = []
    const log = { ...silentLog, debug: ({ text }: { text?: string }) => logged.push(text ?? '') } as Logger
    log.child = () => log
    const says = (text: string) => `>LOG:1,N,${text}`
    const again = Array.from({ length: 100 }, () => says('write TCPv4_SERVER: Broken pipe'))
    const { transport } = transportOver([behaves(...again, says('other'), ...again, CONNECTED)], { log })
    await listen(transport)
    expect(logged).toEqual(['write TCPv4_SERVER: Broken pipe', 'other', 'write TCPv4_SERVER: Broken pipe'])
  })

  it('that says of each tunnel what the registry has chosen for all, not to encrypt, is no news', async () => {
    const logged: unknown[] = []
    const log = { ...silentLog, debug: ({ text }: { text?: string }) => logged.push(text) } as Logger
    log.child = () => log
    const warning = '>LOG:1,W,******* WARNING *******: NO encryption will be used'
    const { transport } = transportOver([behaves(warning, '>LOG:1,W,something else', CONNECTED)], { log })
    await listen(transport)
    expect(logged).toEqual(['something else'])
  })

  it('that ends because the node does is no failure, and is not started again', async () => {
    const { transport, started } = transportOver([behaves(CONNECTED)])
    const { events } = await listen(transport)
    const before = started.length
    await transport.stop()
    expect(events).toEqual([{ kind: 'listening' }])
    expect(started).toHaveLength(before)
  })

  it('that answers without being asked is ended and restarted', async () => {
    const { transport } = transportOver([
      later(behaves(CONNECTED), 'SUCCESS: pid=1\nSUCCESS: pid=1\n'),
      behaves(CONNECTED),
    ])
    const { events } = await listen(transport)
    await failed(events)
    expect(reasonsOf(events)).toEqual(['openvpn answers without being asked: pid=1'])
    await expect.poll(() => events.at(-1)).toEqual({ kind: 'listening' })
  })

  it('that cannot be understood is ended and restarted', async () => {
    const { transport } = transportOver([later(behaves(CONNECTED), 'garbage\n'), behaves(CONNECTED)])
    const { events } = await listen(transport)
    await failed(events)
    expect(reasonsOf(events)[0]).toMatch(/^openvpn cannot be understood: /)
  })

  it('that hangs is ended and restarted', async () => {
    const hangs: Script = (socket) => {
      socket.write(`>HOLD:x\nSUCCESS: 1\nSUCCESS: 2\nSUCCESS: 3\nSUCCESS: 4\n${CONNECTED}\n`)
    }
    // Its answers come too early for what is asked, so the first to be missing is that to the heartbeat.
    const { transport } = transportOver([slowly(hangs), behaves(CONNECTED)])
    const { events } = await listen(transport)
    await failed(events)
    expect(reasonsOf(events)).toEqual(['openvpn does not answer "status"'])
  })

  it('that hangs up is ended and restarted, and its clients are gone', async () => {
    const { transport } = transportOver([later(behaves(CONNECTED, ...CLIENT_UP), 'end'), behaves(CONNECTED)])
    const { events, server } = await listen(transport)
    await failed(events)
    const kinds = events.map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind !== 'listening')).toEqual(['client-up', 'client-down', 'failed'])
    expect(server.traffic.size).toBe(0)
  })

  it('of a server that waits to be started again is started at once when that may work now', async () => {
    // As long as after many failures.
    const clock: Clock = {
      ...fastClock,
      sleep: (ms, signal) => fastClock.sleep(ms < 500 ? ms : 3_600_000, signal),
    }
    const { transport } = transportOver([later(behaves(CONNECTED), 'end'), behaves(CONNECTED)], { clock })
    const { events, server } = await listen(transport)
    await failed(events)
    server.retryNow()
    await expect.poll(() => events.filter(({ kind }) => kind === 'listening')).toHaveLength(2)
  })

  it('does not get a client in whose certificate names no node', async () => {
    const said: string[] = []
    const { transport } = transportOver([
      (socket) => {
        behaves(
          CONNECTED,
          '>CLIENT:CONNECT,0,1',
          '>CLIENT:ENV,common_name=mallory',
          '>CLIENT:ENV,END',
        )(socket)
        socket.on('data', (chunk) => said.push(...String(chunk).split('\n')))
      },
    ])
    const { events } = await listen(transport)
    await expect
      .poll(() => said.find((line) => line.startsWith('client-deny 0 1 "not a subnet name')))
      .toBeDefined()
    expect(events).toEqual([{ kind: 'listening' }])
  })

  it('of a client that is held by a server is told to try the next remote, and given up in the end', async () => {
    const said: string[] = []
    const { transport } = transportOver([
      (socket) => {
        behaves()(socket)
        socket.on('data', (chunk) => {
          const lines = String(chunk).split('\n').filter(Boolean)
          said.push(...lines)
          if (lines.includes('signal SIGUSR1')) socket.write('>HOLD:Waiting for hold release:0\n')
        })
      },
    ])
    const events: ClientEvent[] = []
    const remotes = [{ host: '192.0.2.1', port: 1194, protocol: 'tcp', country: undefined } as const]
    transport.connect({
      ...{ iface: 're6stnet1', prefix: undefined, remotes },
      onEvent: (event) => events.push(event),
    })
    await expect.poll(() => events.length).toBe(1)
    expect(events[0]).toEqual({ kind: 'down', reason: 'the peer answers, but lets nobody in' })
    expect(said.filter((line) => line === 'hold release' || line.startsWith('signal'))).toEqual(
      Array(3).fill(['hold release', 'signal SIGUSR1']).flat(),
    )
  })

  it('of a client whose remotes all refuse tries them again in a moment, and then after longer', async () => {
    const pauses: number[] = []
    const clock: Clock = {
      ...fastClock,
      after(ms, action) {
        if (ms < 5_000) pauses.push(ms)
        return fastClock.after(ms, action)
      },
    }
    let attempts = 0
    const { transport } = transportOver(
      [
        (socket) => {
          behaves('>HOLD:Waiting for hold release:0')(socket)
          socket.on('data', (chunk) => {
            attempts += String(chunk)
              .split('\n')
              .filter((line) => line === 'hold release').length
          })
        },
      ],
      { clock },
    )
    const events: ClientEvent[] = []
    const remotes = ['192.0.2.1', '192.0.2.2'].map(
      (host) => ({ host, port: 1194, protocol: 'tcp', country: undefined }) as const,
    )
    transport.connect({
      ...{ iface: 're6stnet1', prefix: undefined, remotes },
      onEvent: (event) => events.push(event),
    })
    await expect.poll(() => events.map(({ kind }) => kind)).toEqual(['down'])
    expect(attempts).toBe(6)
    expect(pauses).toEqual([250, 1_750])
  })

  it('of a client that answers other questions is not asked besides whether it answers', async () => {
    const clock = steppedClock()
    const said: string[] = []
    const { transport } = transportOver(
      [
        (socket) => {
          socket.on('data', (chunk) => said.push(...String(chunk).split('\n').filter(Boolean)))
          behaves(...UP)(socket)
        },
      ],
      { clock },
    )
    const events: ClientEvent[] = []
    const remotes = [{ host: '192.0.2.1', port: 1194, protocol: 'udp', country: undefined } as const]
    transport.connect({
      ...{ iface: 're6stnet1', prefix: undefined, remotes },
      onEvent: (event) => events.push(event),
    })
    await expect.poll(() => events.map(({ kind }) => kind)).toContain('up')
    // Several times as long as after which it was to be asked.
    for (let looks = 1; looks <= 6; looks++) {
      await clock.pass(10_000)
      await expect.poll(() => said.filter((line) => line === 'load-stats')).toHaveLength(looks)
    }
    expect(said).not.toContain('pid')
  })

  it.each([
    'Connection reset, restarting [0]',
    "Connection reset command was pushed by server ('closed')",
    'CC-EEN exit message received by peer',
    '[1/16] Inactivity timeout (--ping-exit), exiting',
    'SIGUSR1[soft,remote-exit] received, process restarting',
  ])('of a client that is up and says "%s" is told of once, before its interface goes', async (line) => {
    const { transport } = transportOver([
      // What an attempt before says is about that attempt.
      behaves(
        `>LOG:1,I,${line}`,
        ...UP,
        `>LOG:1,I,${line}`,
        `>LOG:1,I,${line}`,
        '>LOG:1,I,SIGTERM[hard,] received',
      ),
    ])
    const events: ClientEvent[] = []
    const remotes = [{ host: '192.0.2.1', port: 1194, protocol: 'udp', country: undefined } as const]
    transport.connect({
      ...{ iface: 're6stnet1', prefix: undefined, remotes },
      onEvent: (event) => events.push(event),
    })
    await expect.poll(() => events.map(({ kind }) => kind)).toContain('ending')
    await transport.stop()
    const kinds = events.map(({ kind }) => kind).filter((kind) => kind !== 'up')
    expect(kinds).toEqual(['trying', 'ending', 'down'])
  })

  it('of a server whose client says goodbye is believed at once, not five seconds later', async () => {
    const about = '1/16/192.0.2.2:40000'
    const lines = [
      '1/16/192.0.2.2:40001 CC-EEN exit message received by peer',
      `${about} CC-EEN exit message received by peer`,
    ].map((text) => `>LOG:1,D,${text}`)
    const late = ['>CLIENT:DISCONNECT,0', '>CLIENT:ENV,END']
    const { transport } = transportOver([behaves(CONNECTED, ...CLIENT_UP, ...lines, ...late)])
    const { events, server } = await listen(transport)
    await expect
      .poll(() => events.filter(({ kind }) => kind === 'client-down'))
      .toMatchObject([{ kind: 'client-down', client: 1, reason: 'closed by the peer' }])
    expect(server.traffic.size).toBe(0)
  })

  it('of a client that says nonsense ends that tunnel', async () => {
    const { transport } = transportOver([behaves('nonsense')])
    const events: ClientEvent[] = []
    const remotes = [{ host: '192.0.2.1', port: 1194, protocol: 'tcp', country: undefined } as const]
    transport.connect({
      iface: 're6stnet1',
      prefix: undefined,
      remotes,
      onEvent: (event) => events.push(event),
    })
    await expect.poll(() => events.length).toBe(1)
    expect(events[0]).toMatchObject({ kind: 'down', reason: expect.stringContaining('cannot be understood') })
  })
})

describe('a machine without memory', () => {
  it('keeps no tunnel from being made when it has some again', async () => {
    // From the first question on, for the version of OpenVPN, which is asked as soon as there is a transport.
    const { transport, outOfMemory } = transportOver([behaves(CONNECTED)], { hasMemory: false })
    await expect(listen(transport)).rejects.toMatchObject({ code: 'DAEMON' })
    expect(readdirSync(directory)).toEqual([])
    outOfMemory(false)
    await listen(transport)
  })

  it('leaves no socket of an OpenVPN that could not be started', async () => {
    const { transport, outOfMemory } = transportOver([behaves(CONNECTED)])
    const { server } = await listen(transport) // the version is known now
    await server.stop()
    outOfMemory(true)
    await expect(listen(transport)).rejects.toMatchObject({ code: 'DAEMON' })
    expect(readdirSync(directory)).toEqual([])
    outOfMemory(false)
    await listen(transport)
  })
})

describe('the socket of a process', () => {
  it('that a killed node left is removed', async () => {
    const stale = createServer().listen(join(directory, 'x'))
    await new Promise((resolve) => stale.once('listening', resolve))
    // What kill -9 leaves: a file on which nobody listens.
    linkSync(join(directory, 'x'), join(directory, 're6stnet-udp.sock'))
    await new Promise((resolve) => stale.close(resolve))
    await listen(transportOver([behaves(CONNECTED)]).transport)
  })

  it('that is in use is left alone, and said to be', async () => {
    const path = join(directory, 're6stnet-udp.sock')
    const living = createServer().listen(path)
    await new Promise((resolve) => living.once('listening', resolve))
    await expect(listen(transportOver([behaves(CONNECTED)]).transport)).rejects.toThrow(
      `${path} is in use: does another re6stnet run with the same --run directory?`,
    )
    await new Promise((resolve) => living.close(resolve))
  })

  it('that cannot be made is an error that names it', async () => {
    writeFileSync(join(directory, 'file'), '')
    const { transport } = transportOver([behaves(CONNECTED)])
    rmSync(directory, { recursive: true })
    await expect(listen(transport)).rejects.toThrow(/cannot listen at .*re6stnet-udp\.sock/)
    directory = mkdtempSync(join(tmpdir(), 'ovu-'))
  })
})

describe('a transport that was stopped', () => {
  it('makes no more tunnels', async () => {
    const { transport } = transportOver([behaves(CONNECTED)])
    await transport.stop()
    await expect(listen(transport)).rejects.toThrow('the transport was stopped')
    const events: ClientEvent[] = []
    transport.connect({ iface: 'x', prefix: undefined, remotes: [], onEvent: (event) => events.push(event) })
    await expect.poll(() => events).toEqual([{ kind: 'down', reason: 'the transport was stopped' }])
  })
})

/** Runs a script, and says something, or hangs up, when all that follows from it is done. */
const later =
  (script: Script, text: string): Script =>
  (socket, whenRaised) => {
    script(socket, whenRaised)
    whenRaised(() => void (text === 'end' ? socket.destroy() : socket.write(text)))
  }

/** Runs a script when the first commands have been sent. */
const slowly =
  (script: Script): Script =>
  (socket, whenRaised) =>
    void socket.once('data', () => script(socket, whenRaised))
