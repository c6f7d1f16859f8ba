import { join } from 'node:path'
import { fileTroubleOf, messageOf, Re6stError } from '../core/errors.ts'
import type { NodeOptions } from '../core/options/node-options.ts'
import { systemClock } from '../platform/clock.ts'
import { makeDirectories } from '../platform/files.ts'
import { type LogOutput, openLog } from '../platform/log.ts'
import { reopenOnSignal } from '../platform/main.ts'
import { type Processes, systemProcesses } from '../platform/processes.ts'
import { ServiceManager } from '../platform/service-manager.ts'
import { keepHeapSmall } from '../platform/small-heap.ts'
import { withStandingIp } from '../platform/standing-ip.ts'
import { procSysctls } from '../platform/sysctls.ts'
import { hearUnexpected } from '../platform/unexpected.ts'
import { refuseBesideAnother } from './control/control-server.ts'
import { startNode } from './node.ts'
import { UserCommandFailure } from './user-commands.ts'

/** Why a node ends. */
type Ending = 'stop' | 'restart' | Error

/**
 * Runs a node until it is stopped: TERM and INT stop it, HUP and USR2 start it anew.
 * @param start makes it
 * @returns the exit status
 * @throws Re6stError when it cannot start, or cannot go on
 */
export async function runNode(options: NodeOptions, start = startNode): Promise<number> {
  keepHeapSmall()
  await Promise.all(
    [
      ['--log', options.logDirectory],
      ['--run', options.runDirectory],
      ['--state', options.stateDirectory],
    ].map(([option = '', path = '']) => makeDirectory(option, path)),
  )
  await refuseBesideAnother(options.controlSocket)
  const output = openLog({ file: logFileOf(options), verbosity: options.verbosity })
  using _ = reopenOnSignal(output)
  using manager = new ServiceManager({ processes: systemProcesses, clock: systemClock, log: output.logger })
  await using processes = withStandingIp(systemProcesses, systemClock)
  for (;;) {
    const ending = await runOnce(options, { processes, output, manager, start })
    if (ending === 'stop') return 0
    if (ending === 'restart') {
      output.logger.info('starting anew')
      continue
    }
    output.logger.error({ err: ending }, 'the node stops with an error')
    if (ending instanceof UserCommandFailure) {
      process.stderr.write(`re6stnet: ${ending.message}\n`)
      return ending.status
    }
    throw ending
  }
}

const logFileOf = ({ logDirectory }: NodeOptions): string => join(logDirectory, 're6stnet.log')

interface Surroundings {
  readonly processes: Processes
  readonly output: LogOutput
  readonly manager: ServiceManager
  readonly start: typeof startNode
}

async function runOnce(
  options: NodeOptions,
  { processes, output, manager, start }: Surroundings,
): Promise<Ending> {
  const log = output.logger
  const stopping = new AbortController()
  let signalled: (ending: Ending) => void = () => {}
  const signal = new Promise<Ending>((resolve) => {
    signalled = resolve
  })
  const onSignal = (name: NodeJS.Signals) => {
    log.info({ signal: name }, 'signal')
    signalled(name === 'SIGHUP' || name === 'SIGUSR2' ? 'restart' : 'stop')
    stopping.abort(new Error(`signal ${name}`))
  }
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const
  for (const name of signals) process.on(name, onSignal)
  using _ = hearUnexpected({ clock: systemClock, log }, (error) => {
    signalled(error)
    stopping.abort(error)
  })
  let isStarted = false
  try {
    const random = { next: Math.random }
    await using node = await warningAloud(output, () => {
      for (const warning of options.warnings) log.warn(warning)
      return start(
        options,
        { processes, sysctls: procSysctls, clock: systemClock, random, log },
        stopping.signal,
      )
    })
    isStarted = true
    manager.ready(() => node.status())
    process.stdout.write(`re6stnet: running, ${node.status()}; log: ${logFileOf(options)}\n`)
    const ending = await Promise.race([signal, node.ended])
    if (ending === 'restart') manager.reloading()
    else manager.stopping()
    return ending
  } catch (error) {
    if (stopping.signal.aborted) {
      const left = isStarted ? error : cleanUpErrorIn(error)
      if (left !== undefined) log.error({ err: left }, 'not everything was undone')
      return await signal
    }
    return error instanceof Error ? error : new Error(messageOf(error))
  } finally {
    for (const name of signals) process.off(name, onSignal)
  }
}

/** Whoever starts a node by hand is told meanwhile what keeps it: later, `re6st status` is asked. */
async function warningAloud<Started>(output: LogOutput, start: () => Promise<Started>): Promise<Started> {
  using _ = output.hearWarnings((text) => void process.stderr.write(`re6stnet: WARNING: ${text}\n`))
  return await start()
}

async function makeDirectory(option: string, path: string): Promise<void> {
  try {
    await makeDirectories(path)
  } catch (error) {
    throw new Re6stError('FILE', `${option} ${path}: cannot be made: ${fileTroubleOf(error)}`, {
      cause: error,
    })
  }
}

/** What failed in a clean-up after a start that was broken off for another reason; undefined: nothing. */
const cleanUpErrorIn = (error: unknown): unknown =>
  error instanceof Error && 'suppressed' in error && 'error' in error ? error.error : undefined
