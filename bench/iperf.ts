import type { Machine } from '../lab/machine.ts'
import { waitFor } from '../lab/wait-for.ts'

/** What arrives of a UDP stream. */
export interface UdpStream {
  readonly mbits: number
  readonly packetsPerSecond: number
}

/** Where a stream goes, and how. */
export interface StreamTarget {
  readonly address: string
  readonly seconds: number
  /** The processor that sends; any when it is not said. */
  readonly processor?: number
}

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number }
    /** Of UDP: what was sent, and how much of it the server missed. */
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number }
  }
}

const DEADLINE_MS = 60_000

/** Waits for streams on a machine. */
export const startIperfServer = (machine: Machine): void =>
  void machine.start(['iperf3', '--server', '--forceflush'], { name: 'iperf3' })

/** Sends as much of a TCP stream as it can. */
export const tcpStreamMbits = async (from: Machine, to: StreamTarget): Promise<number> =>
  (await iperf(from, to)).end.sum_received.bits_per_second / 1e6

/** Sends as many UDP packets as it can. @param bytes of payload of each */
export async function udpStream(from: Machine, to: StreamTarget, bytes: number): Promise<UdpStream> {
  const sum = (await iperf(from, to, '-u', '-b', '0', '-l', String(bytes))).end.sum
  const packetsPerSecond = (sum.packets - sum.lost_packets) / sum.seconds
  return { packetsPerSecond, mbits: (packetsPerSecond * bytes * 8) / 1e6 }
}

function iperf(from: Machine, to: StreamTarget, ...options: string[]): Promise<IperfReport> {
  const affinity = to.processor === undefined ? [] : ['-A', String(to.processor)]
  const args = ['-6', '-J', '-t', String(to.seconds), '-c', to.address, ...affinity, ...options]
  return waitFor(
    async () => {
      const { stdout } = await from.capture('iperf3', ...args)
      const report = JSON.parse(stdout) as IperfReport & { readonly error?: string }
      if (report.error !== undefined) throw new Error(report.error) // it is busy for a moment after each stream
      return report
    },
    { what: `a stream to ${to.address}`, deadlineMs: DEADLINE_MS },
  )
}
