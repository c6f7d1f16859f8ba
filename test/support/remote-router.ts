import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import type {
  Neighbour,
  Route,
  RouteExplanation,
  Router,
  RoutingChange,
} from '../../src/node/routing/router.ts'
import type { Processes } from '../../src/platform/processes.ts'
import { type RouterCall, type RouterEvent, written } from './router-calls.ts'

let script: string | undefined

/** One file, built once: it starts in a tenth of the time that the sources need. */
function builtScript(): string {
  if (script !== undefined) return script
  const directory = mkdtempSync(join(tmpdir(), 're6st-router-'))
  process.once('exit', () => rmSync(directory, { recursive: true }))
  script = join(directory, 'router-process.mjs')
  const entry = fileURLToPath(new URL('router-process.ts', import.meta.url))
  const banner =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
  buildSync({
    entryPoints: [entry],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: banner },
    define: { RE6STNET_VERSION: '"0"' },
  })
  return script
}

/** Our own router, which speaks for itself, in a namespace: in a process of its own, which is started with it. */
export class RemoteRouter implements Router {
  readonly #processes: Processes
  readonly #listeners = new Set<(change: RoutingChange) => void>()
  readonly #neighbours = new Map<string, Neighbour>()
  readonly #routes = new Map<string, Route>()
  readonly #pending = new Map<
    number,
    { resolve: (result?: unknown) => void; reject: (error: Error) => void }
  >()
  #running: ReturnType<Processes['start']> | undefined
  #calls = 0
  /** What it logged. */
  readonly lines: string[] = []

  readonly #arguments: readonly string[]

  /** @param options `isWatched`: whether it tells of each change: without, `neighbours`, `routes` and `watch` know nothing */
  constructor(processes: Processes, { isWatched = true }: { readonly isWatched?: boolean } = {}) {
    this.#processes = processes
    this.#arguments = isWatched ? [] : ['unwatched']
  }

  get neighbours(): readonly Neighbour[] {
    return [...this.#neighbours.values()]
  }

  get routes(): readonly Route[] {
    return [...this.#routes.values()]
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.#running?.pid
  }

  watch(listener: (change: RoutingChange) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  isNameFree = () => true
  start: Router['start'] = (settings) => this.#call('start', settings)
  addInterface: Router['addInterface'] = (...args) => this.#call('addInterface', ...args)
  removeInterface: Router['removeInterface'] = (...args) => this.#call('removeInterface', ...args)
  readonly drainsAtOnce = true
  setDraining: Router['setDraining'] = (...args) => this.#call('setDraining', ...args)
  setCost: Router['setCost'] = (...args) => this.#call('setCost', ...args)
  neighbourGone: Router['neighbourGone'] = (...args) => void this.#call('neighbourGone', ...args)
  leaveInterface: Router['leaveInterface'] = (...args) =>
    this.#call('leaveInterface', ...args).then(() => !this.neighbours.some(({ iface }) => iface === args[0]))
  setKeys: Router['setKeys'] = (...args) => this.#call('setKeys', ...args)
  reconfigure: Router['reconfigure'] = (...args) => this.#call('reconfigure', ...args)

  /** Keeps its event loop busy for so long, again and again, with pauses as long. */
  occupy(ms: number): Promise<void> {
    return this.#call('occupy', ms)
  }

  async explain(prefix: string): Promise<RouteExplanation> {
    return (await this.#ask('explain', prefix)) as RouteExplanation
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    const { ended } = this.#running
    await this.#call('stop')
    await ended
  }

  async #call(method: RouterCall['method'], ...args: readonly unknown[]): Promise<void> {
    await this.#ask(method, ...args)
  }

  #ask(method: RouterCall['method'], ...args: readonly unknown[]): Promise<unknown> {
    this.#running ??= this.#begin()
    const number = this.#calls++
    this.#running.write(`${JSON.stringify({ number, method, args } satisfies RouterCall, written)}\n`)
    return new Promise((resolve, reject) => this.#pending.set(number, { resolve, reject }))
  }

  #begin(): ReturnType<Processes['start']> {
    const running = this.#processes.start(process.execPath, [builtScript(), ...this.#arguments], {
      withInput: true,
      dieWithParent: true,
      onLine: (line) => {
        if (line.startsWith('@')) this.#hear(JSON.parse(line.slice(1)) as RouterEvent)
        else this.lines.push(line)
      },
    })
    void running.ended.then(() => {
      if (this.#running === running) this.#running = undefined
      for (const { resolve } of this.#pending.values()) resolve()
    })
    return running
  }

  #hear(event: RouterEvent): void {
    if (event.kind === 'change') return this.#changed(event.change)
    const pending = this.#pending.get(event.number)
    this.#pending.delete(event.number)
    if (event.kind === 'done') pending?.resolve(event.result)
    else pending?.reject(new Error(event.reason))
  }

  #changed(change: RoutingChange): void {
    if (change.kind === 'neighbour') {
      const { neighbour } = change
      const key = `${neighbour.address}%${neighbour.iface}`
      if (change.change === 'flushed') this.#neighbours.delete(key)
      else this.#neighbours.set(key, neighbour)
    } else if (change.kind === 'route') {
      const { route } = change
      const key = `${route.prefix} ${route.from} ${route.via}%${route.iface}`
      if (change.change === 'flushed') this.#routes.delete(key)
      else this.#routes.set(key, route)
    }
    for (const listener of this.#listeners) listener(change)
  }
}
