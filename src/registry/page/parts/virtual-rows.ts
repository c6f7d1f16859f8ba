/** The rows of a long table that are to be drawn. */
export interface Window {
  /** Index of the first row that is drawn, and of the one after the last. */
  readonly first: number
  readonly end: number
  /** Height of what is left out, in pixels. */
  readonly above: number
  readonly below: number
}

/** Rows beyond the edges that are drawn, too: what is scrolled to is there already. */
const MARGIN = 8

/** Which rows can be seen. @param height of the part that can be seen, @param scrolled how far, in pixels */
export function windowOf(rows: number, rowHeight: number, height: number, scrolled: number): Window {
  const seen = Math.max(0, Math.min(scrolled, rows * rowHeight - height))
  const first = Math.max(0, Math.floor(seen / rowHeight) - MARGIN)
  const end = Math.min(rows, Math.ceil((seen + height) / rowHeight) + MARGIN)
  return { first, end, above: first * rowHeight, below: (rows - end) * rowHeight }
}
