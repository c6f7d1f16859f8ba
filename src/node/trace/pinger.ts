import { type PingLine, parsePingLine } from '../../core/kernel/ping-output.ts'
import type { Processes } from '../../platform/processes.ts'

/** Packets that ask for an answer, by the program `ping`. */
export interface Pinger {
  /** The best of some round-trip times to an address; undefined: nothing comes back, or there is no `ping`. */
  rttMs(address: string): Promise<number | undefined>
  /** Addresses of the hops to an address, the last one being its own; undefined: of one that does not answer. */
  hops(address: string): Promise<readonly (string | undefined)[]>
}

const COUNT = 3
const WAIT_SECONDS = 2
/** Packets of so many hop limits are under way at once. */
const AT_ONCE = 8
const MAX_HOPS = 32

/** Makes one. */
export const createPinger = (processes: Pick<Processes, 'start'>): Pinger => ({
  async rttMs(address) {
    const lines = await ping(processes, ['-c', String(COUNT), '-i', '0.2', address])
    const times = lines.flatMap((line) => (line.kind === 'answer' ? [line.rttMs] : []))
    return times.length === 0 ? undefined : Math.min(...times)
  },
  async hops(address) {
    const hops: (string | undefined)[] = []
    while (hops.length < MAX_HOPS) {
      const limits = Array.from({ length: AT_ONCE }, (_, at) => hops.length + at + 1)
      const found = await Promise.all(
        limits.map(async (limit) => {
          const [line] = await ping(processes, ['-c', '1', '-t', String(limit), address])
          return line
        }),
      )
      const last = found.findIndex((line) => line?.kind === 'answer')
      hops.push(...found.slice(0, last < 0 ? AT_ONCE : last + 1).map((line) => line?.from))
      if (last >= 0) return hops
      // Nobody beyond who answers.
      if (found.every((line) => line === undefined)) return hops.slice(0, -AT_ONCE)
    }
    return hops
  },
})

async function ping(
  processes: Pick<Processes, 'start'>,
  args: readonly string[],
): Promise<readonly PingLine[]> {
  const lines: PingLine[] = []
  const running = processes.start('ping', ['-6', '-n', '-W', String(WAIT_SECONDS), ...args], {
    dieWithParent: true,
    onLine: (text) => {
      const line = parsePingLine(text)
      if (line) lines.push(line)
    },
  })
  // Without answers it ends with an error, and so it does where there is none.
  await running.ended
  return lines
}
