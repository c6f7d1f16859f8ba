import { readFileSync } from 'node:fs'
import type { Machine } from './machine.ts'

/** Clock ticks of Linux are hundredths of a second. */
const TICKS_PER_SECOND = 100

/** The command line of a process; empty when it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** Processes of a machine whose command line matches. */
export async function pidsOf(machine: Machine, pattern: RegExp): Promise<number[]> {
  const { stdout } = await machine.capture('ip', 'netns', 'pids', machine.namespace)
  return stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0 && pattern.test(commandOf(pid)))
}

/** Memory of a process in MB; 0 when it is gone. */
export function memoryMb(pid: number, what: 'Pss' | 'Anonymous'): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** CPU seconds that the first threads of processes have used so far; of one that runs at the moment, to a tick of the kernel. */
export const fineCpuSeconds = (pids: readonly number[]): number =>
  pids.reduce(
    (sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
    0,
  )

/** CPU seconds that processes have used so far. */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    } catch {
      return sum
    }
  }, 0)
