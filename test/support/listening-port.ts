import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const LISTEN = '0A'

/** The TCP port over IPv4 on which a process listens, as the kernel tells (proc_pid_net(5)); undefined: it does not. */
export function listeningPort(pid: number): number | undefined {
  try {
    const directory = `/proc/${pid}/fd`
    const sockets = new Set(
      readdirSync(directory).map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`${directory}/${fd}`))?.[1]),
    )
    for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      if (state === LISTEN && sockets.has(inode)) return Number.parseInt(local.split(':')[1] ?? '', 16)
    }
  } catch {
    // It has ended, or a descriptor was closed meanwhile.
  }
  return undefined
}
