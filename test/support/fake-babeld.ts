import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { ProcessEnd, Processes, ProcessOptions, RunningProcess } from '../../src/platform/processes.ts'

/** One start of babeld. */
export interface BabeldStart {
  readonly atMs: number
  /** Its configuration file, as it was at the start. */
  readonly configuration: string
  /** What it was told on its control socket. */
  readonly commands: string[]
}

/** `babeld` and `ip` for a router under test: a control socket that agrees to everything, and starts on demand. */
export class FakeBabeld {
  readonly starts: BabeldStart[] = []
  /** Commands of `ip`, with what was written to it. */
  readonly ip: string[] = []
  /** Whether the next ones listen on their control sockets. */
  isListening = true
  /** Says which commands of `ip` fail. */
  fails: (command: string) => boolean = () => false
  /** What `ip -j` lists: the interfaces of the machine. */
  interfaces: readonly { readonly ifname: string; readonly addr_info?: readonly object[] }[] = []
  /** Whether the next ones end at once. */
  isFailing = false
  readonly #nowMs: () => number
  #running:
    | {
        readonly end: (how: ProcessEnd) => void
        readonly listen: () => void
        readonly print: (line: string) => void
      }
    | undefined
  #connections = new Set<Socket>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** For the router. */
  get processes(): Processes {
    return {
      start: (_, args, options) => this.#start(args, options?.onLine),
      run: async (command, args, options) => {
        if (command === 'babeld') return { stdout: '', stderr: 'babeld-1.12.1' }
        const text = [...args, options?.input ?? ''].join(' ').trim()
        if (args[0] === '-j') return { stdout: JSON.stringify(this.interfaces), stderr: '' }
        this.ip.push(text)
        if (this.fails(text)) throw new Error('ip: out of memory')
        return { stdout: '', stderr: '' }
      },
    }
  }

  /** Lets the one that runs listen, which did not. */
  listen(): void {
    this.#running?.listen()
  }

  /** It tells something of its tables. */
  says(line: string): void {
    for (const connection of this.#connections) connection.write(`${line}\n`)
  }

  /** It prints something. */
  prints(line: string): void {
    this.#running?.print(line)
  }

  /** It dies. */
  die(): void {
    this.#running?.end({ kind: 'killed', signal: 'SIGKILL' })
  }

  #start(args: readonly string[], onLine?: ProcessOptions['onLine']): RunningProcess {
    const fileAfter = (option: string) => args[args.indexOf(option) + 1] ?? ''
    const path = fileAfter('-G')
    const started: BabeldStart = {
      atMs: this.#nowMs(),
      configuration: readFileSync(fileAfter('-c'), 'utf8'),
      commands: [],
    }
    this.starts.push(started)
    const server = createServer((socket) => this.#converse(socket, started.commands))
    let end: (how: ProcessEnd) => void = () => {}
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = (how) => {
        for (const connection of this.#connections) connection.destroy()
        closeQuietly(server)
        rmSync(path, { force: true })
        resolve(how)
      }
    })
    const listen = () => void server.listen(path)
    this.#running = { end, listen, print: (line) => onLine?.(line, 'stderr') }
    if (this.isFailing) end({ kind: 'exited', status: 1 })
    else if (this.isListening) listen()
    const stop = () => {
      end({ kind: 'exited', status: 0 })
      return ended
    }
    return { pid: 1, ended, stop, signal: () => void stop(), write: () => {}, endInput: () => {} }
  }

  #converse(socket: Socket, commands: string[]): void {
    this.#connections.add(socket)
    socket.on('close', () => this.#connections.delete(socket)).on('error', () => {})
    socket.write('BABEL 1.0\nversion babeld-1.12.1\nhost h\nmy-id 02:00:00:ff:fe:00:00:01\nok\n')
    let rest = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line !== '' && line !== 'monitor') commands.push(line)
        socket.write('ok\n')
      }
    })
  }
}

function closeQuietly(server: Server): void {
  if (server.listening) server.close()
  else void once(server, 'listening').then(() => server.close())
}
