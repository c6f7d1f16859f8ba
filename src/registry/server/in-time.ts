import type { Clock } from '../../platform/clock.ts'
import { Refusal } from '../refusal.ts'

/** Prometheus, and who asks whether a registry is ready, give it some seconds; a database that is away may take longer to be given up. */
const IN_TIME_MS = 3_000

/** What is answered in time. @throws what it throws, or Refusal 503 */
export async function inTime<T>(answer: Promise<T>, clock: Pick<Clock, 'after'>): Promise<T> {
  let patience: Disposable | undefined
  try {
    return await Promise.race([
      answer,
      new Promise<never>((_, reject) => {
        patience = clock.after(IN_TIME_MS, () =>
          reject(new Refusal(503, `no answer of the database within ${IN_TIME_MS / 1000} s`)),
        )
      }),
    ])
  } finally {
    patience?.[Symbol.dispose]()
  }
}

/** One after the other, each in time. @throws as {@link inTime} does */
export async function* eachInTime<T>(all: AsyncIterable<T>, clock: Pick<Clock, 'after'>): AsyncGenerator<T> {
  const iterator = all[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await inTime(iterator.next(), clock)
      if (next.done === true) return
      yield next.value
    }
  } finally {
    // Not waited for: what has not come in time ends when it comes.
    iterator.return?.().catch(() => {})
  }
}
