/**
 * What must be undone, in reverse order: interfaces, routes, sockets, processes. (ECMAScript's AsyncDisposableStack,
 * which Node.js 20 does not have.) Each step is tried, also when another fails.
 */
export class CleanUp implements AsyncDisposable {
  #steps: (() => unknown)[] = []

  /** Undoes `action` at the end. */
  defer(action: () => void | Promise<void>): void {
    this.#steps.push(action)
  }

  /** Disposes of `resource` at the end. */
  use<Resource extends Disposable | AsyncDisposable>(resource: Resource): Resource {
    this.#steps.push(() =>
      Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose](),
    )
    return resource
  }

  /** Takes over all steps: this one has nothing to undo any more. */
  move(): CleanUp {
    const moved = new CleanUp()
    moved.#steps = this.#steps
    this.#steps = []
    return moved
  }

  /** @throws what failed, an AggregateError if several steps did; after all of them were tried */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = []
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, 'several steps of the clean-up failed')
    if (errors.length === 1) throw errors[0]
  }
}
