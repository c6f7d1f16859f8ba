import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemProcesses } from '../src/platform/processes.ts'

/** Each lab has a directory here, with what it owns and who owns it. */
const LABS_DIRECTORY = '/run/re6st-lab'
/** Forty machines on two busy processors take minutes to end. */
const REAP_TIMEOUT_MS = 300_000
const REAP_SCRIPT = fileURLToPath(new URL('./reap.sh', import.meta.url))

/** What a lab owns in this machine, recorded before it is made, so that it can always be removed. */
export interface Ownership {
  /** Unique among the labs of this machine. */
  readonly id: string
  /** Holds the disks of the lab's machines. */
  readonly directory: string
  /** To be called before the namespace is made. */
  recordNamespace(namespace: string): void
  /** Ends every process in the recorded namespaces, deletes them and the directory. */
  release(): Promise<void>
}

/**
 * Takes ownership for a new lab of this process. A guard outside this process removes everything when we die, even
 * by kill -9; should the guard die too, the next lab does it.
 */
export async function takeOwnership(name: string): Promise<Ownership> {
  mkdirSync(LABS_DIRECTORY, { recursive: true })
  await reapDeadLabs()
  const id = `${name}-${process.pid}-${randomBytes(2).toString('hex')}`
  const directory = path.join(LABS_DIRECTORY, id)
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'owner'), ownerRecord(process.pid))
  writeFileSync(path.join(directory, 'namespaces'), '')
  const guard = startGuard(directory)
  return {
    id,
    directory,
    recordNamespace: (namespace) => appendFileSync(path.join(directory, 'namespaces'), `${namespace}\n`),
    async release() {
      await systemProcesses.run('sh', [REAP_SCRIPT, directory], { timeoutMs: REAP_TIMEOUT_MS })
      guard[Symbol.dispose]()
    },
  }
}

/** Waits at the other end of a pipe: it is closed when we end, however we end. */
function startGuard(directory: string): Disposable {
  const guard = spawn('sh', ['-c', 'cat >/dev/null; exec sh "$@"', 'guard', REAP_SCRIPT, directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C goes to every process of our group; the guard must outlive us.
    detached: true,
  })
  guard.stdin.on('error', () => {}) // the guard was killed: the next lab reaps instead
  guard.unref()
  return { [Symbol.dispose]: () => guard.stdin.end() }
}

async function reapDeadLabs(): Promise<void> {
  for (const id of readdirSync(LABS_DIRECTORY)) {
    const directory = path.join(LABS_DIRECTORY, id)
    const owner = readText(path.join(directory, 'owner'))
    // No record yet: a lab that is being made just now. Its guard takes care of it.
    if (owner !== undefined && !ownerIsAlive(owner))
      await systemProcesses.run('sh', [REAP_SCRIPT, directory], { timeoutMs: REAP_TIMEOUT_MS })
  }
}

/** Who owns a lab: a process id alone may belong to another process by now, with its start time it cannot. */
export const ownerRecord = (pid: number): string => `${pid} ${startTimeOf(pid) ?? ''}\n`

/** Whether the process of this record still runs. */
export function ownerIsAlive(record: string): boolean {
  const [pid = '', startTime] = record.trim().split(' ')
  return startTime !== undefined && startTimeOf(Number(pid)) === startTime
}

/** Field 22 of /proc/PID/stat (proc(5)): ticks since boot. The command, field 2, may contain spaces and brackets. */
function startTimeOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
