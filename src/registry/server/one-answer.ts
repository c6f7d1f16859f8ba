/** One answer for all who ask while it is waited for: a database that is away is not asked anew for each of them. */
export function oneAnswer<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined
    })
    return asked
  }
}
