/** A kernel in which nothing ever changes. */
export const silentEvents = { watch: (): Disposable => ({ [Symbol.dispose]() {} }) }
