import type { Logger } from './log.ts'

/**
 * Lets work go on that nobody waits for. A failure of it is written to the log, and is the end of nothing else: a
 * rejection that nobody hears would end the process, with all that others have of it.
 * @param what names the work in the log: "renewal" gives "renewal failed"
 * @param signal what fails once it is aborted is not worth a line
 */
export function inBackground(
  log: Pick<Logger, 'error'>,
  what: string,
  work: Promise<unknown>,
  signal?: AbortSignal,
): void {
  work.catch((error: unknown) => {
    if (signal?.aborted !== true) log.error({ err: error }, `${what} failed`)
  })
}
