import type { ComponentChildren, JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { Sorting } from './sorting.ts'
import { useWindow } from './use-window.ts'

/** A column of a {@link LongTable}. */
export interface Column<Row> {
  readonly key: string
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** It is cut off where it is long, so that the others are seen beside it: it must be said elsewhere as a whole. */
  readonly isCut?: boolean
}

interface LongTableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly isChosen?: (row: Row) => boolean
  readonly sorting?: Sorting
  readonly sort?: (sorting: Sorting) => void
}

/** As in the style sheet. */
const ROW_HEIGHT = 44

/** A table that may have many thousand rows: only those that can be seen are drawn. */
export function LongTable<Row>(props: LongTableProps<Row>): JSX.Element {
  const { caption, columns, rows, keyOf, isChosen, sorting, sort } = props
  const frame = useRef<HTMLElement>(null)
  const { first, end, above, below } = useWindow(frame, rows.length, ROW_HEIGHT)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section ref={frame} class="scrolling long" aria-label={caption} tabIndex={0}>
      <table aria-rowcount={rows.length + 1}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ key, title }) => (
              <th key={key} scope="col" aria-sort={ariaSort(sorting, key)}>
                {sort === undefined ? (
                  title
                ) : (
                  <button type="button" class="sort" onClick={() => sort(sortedBy(key, sorting))}>
                    {title}
                    {sorting?.key === key && (
                      // Read out as what the column is sorted by.
                      <span aria-hidden="true">{sorting.descending ? ' ↓' : ' ↑'}</span>
                    )}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap height={above} columns={columns.length} />
          {rows.slice(first, end).map((row, at) => (
            <tr key={keyOf(row)} aria-rowindex={first + at + 2} class={isChosen?.(row) ? 'chosen' : ''}>
              {columns.map(({ key, cell, isCut }, column) =>
                column === 0 ? (
                  <th key={key} scope="row" class={isCut ? 'cut' : ''}>
                    {cell(row)}
                  </th>
                ) : (
                  <td key={key} class={isCut ? 'cut' : ''}>
                    {cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
          <Gap height={below} columns={columns.length} />
        </tbody>
      </table>
    </section>
  )
}

/** A further click on the same column turns the order around. */
const sortedBy = (key: string, before: Sorting | undefined): Sorting => ({
  key,
  descending: before?.key === key && !before.descending,
})

function ariaSort(sorting: Sorting | undefined, key: string): 'ascending' | 'descending' | undefined {
  if (sorting?.key !== key) return undefined
  return sorting.descending ? 'descending' : 'ascending'
}

function Gap({ height, columns }: { readonly height: number; readonly columns: number }): JSX.Element | null {
  if (height === 0) return null
  return (
    <tr class="gap">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  )
}
