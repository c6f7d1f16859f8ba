import type { Change, InterfaceEntry, NeighbourEntry, RouteEntry, SocketLine } from './socket-line.ts'

/** What a line changed in the tables. */
export type TableChange =
  | { readonly kind: 'interface'; readonly change: Change; readonly entry: InterfaceEntry }
  | { readonly kind: 'neighbour'; readonly change: Change; readonly entry: NeighbourEntry }
  | { readonly kind: 'route'; readonly change: Change; readonly entry: RouteEntry }

/** babeld's tables, as its lines tell them. A new babeld needs new tables. */
export class BabelTables {
  readonly #interfaces = new Map<string, InterfaceEntry>()
  readonly #neighbours = new Map<string, NeighbourEntry>()
  readonly #routes = new Map<string, RouteEntry>()
  /** What babeld has not told again yet, while it retells all. */
  #missing: { readonly neighbours: Set<string>; readonly routes: Set<string> } | undefined

  get interfaces(): readonly InterfaceEntry[] {
    return [...this.#interfaces.values()]
  }

  get neighbours(): readonly NeighbourEntry[] {
    return [...this.#neighbours.values()]
  }

  get routes(): readonly RouteEntry[] {
    return [...this.#routes.values()]
  }

  interface(iface: string): InterfaceEntry | undefined {
    return this.#interfaces.get(iface)
  }

  /**
   * babeld is about to tell all that it knows, to somebody who has missed some of it.
   * @returns to be called when it has: forgets what it did not tell, and says what that was
   */
  beginRetelling(): () => readonly TableChange[] {
    const missing = { neighbours: new Set(this.#neighbours.keys()), routes: new Set(this.#routes.keys()) }
    this.#missing = missing
    return () => {
      this.#missing = undefined
      return [
        ...taken(this.#routes, missing.routes).map(
          (entry) => ({ kind: 'route', change: 'flushed', entry }) as const,
        ),
        ...taken(this.#neighbours, missing.neighbours).map(
          (entry) => ({ kind: 'neighbour', change: 'flushed', entry }) as const,
        ),
      ]
    }
  }

  /**
   * Takes a line in. Undefined when nothing is different: babeld repeats lines, and answers `monitor` with all that it
   * told before.
   */
  apply(line: SocketLine): TableChange | undefined {
    if (line.kind === 'neighbour') this.#missing?.neighbours.delete(line.entry.id)
    if (line.kind === 'route') this.#missing?.routes.delete(line.entry.id)
    switch (line.kind) {
      case 'interface':
        return withChange(line, update(this.#interfaces, line.entry.iface, line.change, line.entry))
      case 'neighbour':
        return withChange(line, update(this.#neighbours, line.entry.id, line.change, line.entry))
      case 'route':
        return withChange(line, update(this.#routes, line.entry.id, line.change, line.entry))
      default:
        return undefined
    }
  }
}

const withChange = <Line extends TableChange>(line: Line, change: Change | undefined): Line | undefined =>
  change && { ...line, change }

/** Takes entries out of a table. */
function taken<Entry>(table: Map<string, Entry>, ids: ReadonlySet<string>): readonly Entry[] {
  return [...ids].flatMap((id) => {
    const entry = table.get(id)
    table.delete(id)
    return entry === undefined ? [] : [entry]
  })
}

function update<Entry>(
  table: Map<string, Entry>,
  id: string,
  change: Change,
  entry: Entry,
): Change | undefined {
  const before = table.get(id)
  if (change === 'flushed') return table.delete(id) ? 'flushed' : undefined
  table.set(id, entry)
  if (before === undefined) return 'added'
  return JSON.stringify(before) === JSON.stringify(entry) ? undefined : 'changed'
}
