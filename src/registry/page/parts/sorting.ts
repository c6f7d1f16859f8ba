/** By which column rows are sorted. */
export interface Sorting {
  readonly key: string
  readonly descending: boolean
}
