import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'

/** Settings of the kernel by their path under /proc/sys, e.g. `net/ipv6/conf/all/forwarding`. */
export interface Sysctls {
  /** Its value; undefined if there is no such setting. */
  read(path: string): Promise<string | undefined>
  write(path: string, value: string): Promise<void>
}

/** The settings of this machine (of our network namespace, for those below `net/`). */
export const procSysctls: Sysctls = {
  async read(path) {
    try {
      // The kernel has it at hand: to have a thread read it costs ten times as much, and a start reads dozens.
      return readFileSync(`/proc/sys/${path}`, 'utf8').trim()
    } catch {
      return undefined
    }
  },
  write: (path, value) => writeFile(`/proc/sys/${path}`, value),
}
