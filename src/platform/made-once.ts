/**
 * What is made when somebody first wants it, and kept. A failure is for those who waited for it: for who comes next, it is
 * made anew.
 */
export class MadeOnce<T> {
  readonly #make: () => Promise<T>
  #made: Promise<T> | undefined

  constructor(make: () => Promise<T>) {
    this.#make = make
  }

  /** It, if somebody has wanted it; undefined also if it could not be made. */
  async present(): Promise<T | undefined> {
    return await this.#made?.catch(() => undefined)
  }

  /** It, made now if it is not there. @throws what making it does */
  get(): Promise<T> {
    if (!this.#made) {
      const made = this.#make()
      this.#made = made
      made.catch(() => {
        this.#made = undefined
      })
    }
    return this.#made
  }
}
