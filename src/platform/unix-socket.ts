import { connect } from 'node:net'

/** The kernel's limit for the path of a Unix socket (`sun_path`, 108 bytes), without the final zero. */
export const LONGEST_SOCKET_PATH = 107

/** Who does not even accept a connection for so long is there, and stands still. */
const PROBE_TIMEOUT_MS = 1_000

/** Whether a path can be that of a socket. */
export const isSocketPath = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH

/** Whether somebody listens at a path: a socket that was left by a killed process refuses. */
export function isListenedAt(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    const end = (isListened: boolean) => {
      probe.destroy()
      resolve(isListened)
    }
    probe.setTimeout(PROBE_TIMEOUT_MS, () => end(true))
    probe.on('connect', () => end(true))
    probe.on('error', () => end(false))
  })
}
