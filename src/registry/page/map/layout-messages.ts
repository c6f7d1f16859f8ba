/** What the page asks of the layout's worker. */
export interface LayoutTask {
  /** Grows with each task; updates of older ones are of no use any more. */
  readonly task: number
  readonly ids: readonly string[]
  readonly xs: Float32Array
  readonly ys: Float32Array
  readonly pairs: readonly (readonly [string, string])[]
  /** Nodes that stay where they are. */
  readonly settled: ReadonlySet<string>
}

/** Where the nodes of a task are now, in the order of its `ids`. */
export interface LayoutUpdate {
  readonly task: number
  readonly xs: Float32Array
  readonly ys: Float32Array
  readonly done: boolean
}
