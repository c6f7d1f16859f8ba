import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Machine } from '../../lab/machine.ts'

/** A wall clock for a daemon and what it starts, which can be set while they run. */
export interface FakeClock {
  /** What runs under these programs sees it. */
  readonly under: readonly string[]
  /** Sets it this much apart from the real one: `-1d`, `+0`. */
  set(offset: string): void
}

/** A clock that is right at first. */
export function fakeClock(machine: Machine): FakeClock {
  const file = path.join(machine.directory, 'clock-offset')
  const set = (offset: string) => {
    // At once: a process that finds an empty file would have the right time for a moment.
    writeFileSync(`${file}.new`, `${offset}\n`)
    renameSync(`${file}.new`, file)
  }
  set('+0')
  const environment = [
    // The dynamic linker knows where libraries of this architecture are.
    'LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1',
    `FAKETIME_TIMESTAMP_FILE=${file}`,
    'FAKETIME_NO_CACHE=1',
    // As it is on a machine whose clock is set.
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
  ]
  // What killed processes leave in shared memory would end later ones that get their number.
  const script = 'mount -t tmpfs none /dev/shm && exec env "$@"'
  return { under: ['unshare', '--mount', 'sh', '-c', script, 'sh', ...environment], set }
}
