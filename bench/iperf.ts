import type { Machine } from '../lab/machine.ts'

/** What arrives of a stream, and the processor time of its two ends. */
export interface Stream {
  /** In a second. */
  readonly mbits: number
  readonly seconds: number
  readonly cpuSeconds: number
}

/** The same of UDP. */
export interface UdpStream extends Stream {
  readonly packetsPerSecond: number
}

/** Where a stream goes, and how. */
export interface StreamTarget {
  readonly address: string
  /** Of the server; iperf3's own when it is not said. */
  readonly port?: number
  readonly seconds: number
  /** Of UDP: how much is sent in a second; as much as can be when it is not said. */
  readonly mbits?: number
  /** The processor that sends; any when it is not said. */
  readonly processor?: number
}

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number; readonly seconds: number }
    /** Of UDP: what was sent, and how much of it the server missed. */
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number }
    readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number }
  }
}

const DEFAULT_PORT = 5201

/** Waits for streams on a machine, for one at a time. */
export const startIperfServer = (machine: Machine, port = DEFAULT_PORT): void =>
  void machine.start(['iperf3', '--server', '--forceflush', '--port', String(port)], { name: 'iperf3' })

/** Sends as much of a TCP stream as it can. @throws Error when the server is busy: try again */
export async function tcpStream(from: Machine, to: StreamTarget): Promise<Stream> {
  const { end } = await iperf(from, to)
  const { bits_per_second: bits, seconds } = end.sum_received
  return { mbits: bits / 1e6, seconds, cpuSeconds: cpuSecondsOf(end, seconds) }
}

/** Sends UDP packets. @param bytes of payload of each @throws Error when the server is busy: try again */
export async function udpStream(from: Machine, to: StreamTarget, bytes: number): Promise<UdpStream> {
  const rate = to.mbits === undefined ? '0' : `${to.mbits.toFixed(1)}M`
  const { end } = await iperf(from, to, '-u', '-b', rate, '-l', String(bytes))
  const { packets, lost_packets: lost, seconds } = end.sum
  const packetsPerSecond = (packets - lost) / seconds
  const mbits = (packetsPerSecond * bytes * 8) / 1e6
  return { packetsPerSecond, mbits, seconds, cpuSeconds: cpuSecondsOf(end, seconds) }
}

const cpuSecondsOf = ({ cpu_utilization_percent: percent }: IperfReport['end'], seconds: number): number =>
  ((percent.host_total + percent.remote_total) / 100) * seconds

/** @throws Error when the server is busy, as it is for a moment after each stream, or cannot be reached */
async function iperf(from: Machine, to: StreamTarget, ...options: string[]): Promise<IperfReport> {
  const affinity = to.processor === undefined ? [] : ['-A', String(to.processor)]
  const place = ['-c', to.address, '-p', String(to.port ?? DEFAULT_PORT)]
  const args = ['-6', '-J', '-t', String(to.seconds), ...place, ...affinity, ...options]
  const { stdout } = await from.capture('iperf3', ...args)
  const report = JSON.parse(stdout) as IperfReport & { readonly error?: string }
  if (report.error !== undefined) throw new Error(`a stream to ${to.address}: ${report.error}`)
  return report
}
