import type { Clock } from '../../platform/clock.ts'

/** What is answered in time. @throws what it throws, or that there was no answer */
export async function inTime<T>(answer: Promise<T>, clock: Pick<Clock, 'after'>, ms: number): Promise<T> {
  let patience: Disposable | undefined
  try {
    return await Promise.race([
      answer,
      new Promise<never>((_, reject) => {
        patience = clock.after(ms, () => reject(new Error(`no answer of the database within ${ms / 1000} s`)))
      }),
    ])
  } finally {
    patience?.[Symbol.dispose]()
  }
}
