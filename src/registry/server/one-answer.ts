import type { Clock } from '../../platform/clock.ts'

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

/** For so many times as long as an answer took it is kept: who asks over and over takes no more than that part of the time. */
const KEPT_TIMES = 10
/** Nobody is to be told what was true longer ago. */
const MAX_KEPT_MS = 5_000

/** One answer for all who ask while it is waited for, and for some seconds when it took long. */
export function keptAnswer<T>(ask: () => Promise<T>, clock: Pick<Clock, 'monotonicMs'>): () => Promise<T> {
  let kept: { readonly answer: T; readonly untilMs: number } | undefined
  const askNow = oneAnswer(async () => {
    const beganMs = clock.monotonicMs()
    const answer = await ask()
    const nowMs = clock.monotonicMs()
    kept = { answer, untilMs: nowMs + Math.min(MAX_KEPT_MS, (nowMs - beganMs) * KEPT_TIMES) }
    return answer
  })
  return async () => (kept !== undefined && clock.monotonicMs() < kept.untilMs ? kept.answer : await askNow())
}
