/** Who hears of something, each until it is disposed of. */
export class Listeners<News = void> {
  readonly #all = new Set<(news: News) => void>()

  /** How many there are. */
  get size(): number {
    return this.#all.size
  }

  /** Calls `listener` from now on, until disposed of. */
  add(listener: (news: News) => void): Disposable {
    this.#all.add(listener)
    return { [Symbol.dispose]: () => void this.#all.delete(listener) }
  }

  /** Tells those who are there now, in the order in which they came. */
  tell(news: News): void {
    for (const listener of [...this.#all]) listener(news)
  }

  /** Nobody hears any more. */
  clear(): void {
    this.#all.clear()
  }
}
