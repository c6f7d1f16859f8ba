import { readFile } from 'node:fs/promises'
import type { Clock } from './clock.ts'

/** A process that is starved, or in an endless loop: nobody can tell. So often it is given as much time again. */
const MOST_TIMES = 6

/**
 * Whether a process would go on if it were let: it waits for a processor or for the disk (proc(5), stat). One that hangs
 * sleeps or is stopped.
 */
export async function isStarved(pid: number | undefined): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return /^.*\) [RD] /s.test(stat)
}

/**
 * Calls `action` after `ms` in which a process has not done what was expected of it, unless disposed of before. As long
 * as the process is starved when they are over, it is given as much time again.
 */
export function afterUnlessStarved(
  { clock, isStarved }: { readonly clock: Pick<Clock, 'after'>; readonly isStarved: () => Promise<boolean> },
  ms: number,
  action: () => void,
): Disposable {
  let isOver = false
  let times = 0
  const judge = (wasStarved: boolean) => {
    if (isOver) return
    if (wasStarved && times++ < MOST_TIMES) {
      timer = begin()
      return
    }
    isOver = true
    action()
  }
  const begin = () =>
    clock.after(ms, () => {
      isStarved().then(judge, () => judge(false))
    })
  let timer = begin()
  return {
    [Symbol.dispose]: () => {
      isOver = true
      timer[Symbol.dispose]()
    },
  }
}
