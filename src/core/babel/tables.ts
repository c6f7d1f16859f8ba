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
   * Takes a line in. Undefined when nothing is different: babeld repeats lines, and answers `monitor` with all that it
   * told before.
   */
  apply(line: SocketLine): TableChange | undefined {
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
