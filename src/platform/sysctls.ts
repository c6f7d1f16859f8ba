import { readFile, writeFile } from 'node:fs/promises'

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
      return (await readFile(`/proc/sys/${path}`, 'utf8')).trim()
    } catch {
      return undefined
    }
  },
  write: (path, value) => writeFile(`/proc/sys/${path}`, value),
}
