import { readdir, readFile, readlink } from 'node:fs/promises'
import { unreadBytes } from '../../core/kernel/netlink-sockets.ts'
import { isStarved } from '../../platform/starvation.ts'

/** Whether the kernel has told a process something that it does not read, though it could. */
export async function leavesNewsUnread(pid: number): Promise<boolean> {
  try {
    const inodes = await socketsOf(pid)
    if (unreadBytes(await readFile(`/proc/${pid}/net/netlink`, 'latin1'), inodes) === 0) return false
    return !(await isStarved(pid))
  } catch {
    // It is gone; or we have no file descriptors.
    return false
  }
}

async function socketsOf(pid: number): Promise<ReadonlySet<string>> {
  const directory = `/proc/${pid}/fd`
  const targets = await Promise.all(
    (await readdir(directory)).map((name) => readlink(`${directory}/${name}`).catch(() => '')),
  )
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
}
