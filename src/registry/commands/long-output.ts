import { once } from 'node:events'
import { growingColumns } from './columns.ts'

/** Waits for whoever reads: of a million things, no more than some are in memory. */
export async function printLong(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** A text that is made of many things, some at a time. */
interface LongText<Item> {
  next(items: readonly Item[]): string
  end(): string
}

/** One list, as `jsonText` writes it. */
export function longJson(): LongText<unknown> {
  let count = 0
  return {
    next: (items) =>
      items
        .map((item) => {
          count += 1
          const lines = JSON.stringify(item, undefined, 2).replaceAll('\n', '\n  ')
          return `${count === 1 ? '[' : ','}\n  ${lines}`
        })
        .join(''),
    end: () => (count === 0 ? '[]\n' : '\n]\n'),
  }
}

/** A table: its columns may become wider on the way. */
export function longTable<Item>(
  head: readonly string[],
  rowOf: (item: Item) => readonly string[],
): LongText<Item> {
  const columnsOf = growingColumns()
  let isBegun = false
  const rowsOf = (items: readonly Item[]) => {
    const rows = [...(isBegun ? [] : [head]), ...items.map(rowOf)]
    isBegun = true
    return columnsOf(rows)
  }
  return { next: rowsOf, end: () => (isBegun ? '' : rowsOf([])) }
}
