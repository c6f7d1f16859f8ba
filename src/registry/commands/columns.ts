import { printable } from '../../core/values/printable.ts'

/** Machines that are named. */
const NAMED = 20

/** The first of many names, on a line. @param count how many there are @param all the command that prints all of them */
export const someNames = (names: readonly string[], count: number, all: string): string =>
  `${printable(names.slice(0, NAMED).join(', '))}${count > NAMED ? `, … (all of them: ${all})` : ''}`

/** Lines of a table for a terminal; text of others cannot steer it. */
export const columns = (rows: readonly (readonly string[])[]): string => growingColumns()(rows)

/** The same for a table of which some rows come later: its columns are as wide as what has come so far. */
export function growingColumns(): (rows: readonly (readonly string[])[]) => string {
  let widths: readonly number[] = []
  return (rows) => {
    const cells = rows.map((row) => row.map((cell) => printable(cell)))
    const count = Math.max(widths.length, ...cells.slice(0, 1).map((row) => row.length))
    widths = Array.from({ length: count }, (_, at) =>
      cells.reduce((most, row) => Math.max(most, row[at]?.length ?? 0), widths[at] ?? 0),
    )
    return cells
      .map(
        (row) =>
          `${row
            .map((cell, at) => cell.padEnd(widths[at] ?? 0))
            .join('  ')
            .trimEnd()}\n`,
      )
      .join('')
  }
}
