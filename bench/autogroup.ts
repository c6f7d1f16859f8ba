import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const SWITCH = '/proc/sys/kernel/sched_autogroup_enabled'

/**
 * Lets every process that is started from now on have the same share of the processors. Otherwise each session has it
 * (sched(7), "The autogroup feature"): one program that starts others has with them as much as one that is alone.
 *
 * @returns what makes it as it was; so does the end of this process
 */
export function withoutAutogroups(): Disposable {
  if (!existsSync(SWITCH)) return { [Symbol.dispose]: () => {} }
  const before = readFileSync(SWITCH)
  const restore = () => writeFileSync(SWITCH, before)
  process.once('exit', restore)
  writeFileSync(SWITCH, '0')
  return {
    [Symbol.dispose]: () => {
      process.off('exit', restore)
      restore()
    },
  }
}
