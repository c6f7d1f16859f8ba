/** What a section that takes long begins with, and leaves behind when it is broken off. */
export interface Progress<Result> {
  /** Of an earlier run. */
  readonly before: Result | undefined
  /** Writes the report with what there is so far. */
  keep(partial: Result): void
}
