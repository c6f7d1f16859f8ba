import { readFileSync } from 'node:fs'
import { AS_ROOT, messageOf, Re6stError } from '../../core/errors.ts'
import type { KernelAnswers } from '../../core/firewall/judgement.ts'
import type { Probe } from '../../core/firewall/probe.ts'
import {
  type Partner,
  PROBE_TABLE,
  probeTableScript,
  readPassages,
  usesTracking,
} from '../../core/firewall/probe-table.ts'
import { ProbeTrace } from '../../core/firewall/probe-trace.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Processes } from '../../platform/processes.ts'
import { lockOfNamespace } from './namespace-lock.ts'
import { isThere, LINK, makeOwnLink, redirectTo } from './own-link.ts'
import { type OwnLink, sendProbes } from './packet-sender.ts'

const LOOK_MS = 50
/** A rule like "limit rate 20/second" lets pings through at this pace; and slower ones still at the second attempt. */
const [PAUSE_MS, SECOND_PAUSE_MS] = [20, 250]
/** Until the kernel's trace is heard, on a loaded machine; without it, chains and rules have no names. */
const TRACE_PATIENCE_MS = 10_000

/** Tells where the old iptables has tables. */
const LEGACY_TABLES = ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names']

/** Removes everything that a check makes. */
const CLEAN_UP = `nft delete table inet ${PROBE_TABLE} 2>/dev/null; ip link delete ${LINK} 2>/dev/null; :`
/** Outlives us, also when we are killed, and then does it. */
const GUARD = `while kill -0 "$1" 2>/dev/null; do sleep 0.5; done; ${CLEAN_UP}`

/** What a trial needs. */
export interface TrialComponents {
  readonly processes: Processes
  readonly clock: Clock
}

/**
 * Lets the kernel judge: sends the probes through its rules, each at its own interface, and counts where they come to.
 * Nothing leaves the machine, and no program hears of it.
 * @param beacons probes of which one tells that the trace is heard, and the other that all of it was
 * @param meanwhile makes partners talk, so that packets of connections are seen
 * @throws Re6stError when something that it needs is missing
 */
export async function tryPackets(
  {
    probes,
    beacons,
    partners,
    meanwhile,
  }: {
    readonly probes: readonly Probe[]
    readonly beacons: readonly [Probe, Probe]
    readonly partners: readonly Partner[]
    readonly meanwhile: () => Promise<void>
  },
  components: TrialComponents,
): Promise<Omit<KernelAnswers, 'holds'>> {
  const { processes } = components
  await using _lock = await lockOfNamespace(processes)
  const guard = processes.start('sh', ['-c', GUARD, 'sh', String(process.pid)], { ownGroup: true })
  const trace = new ProbeTrace()
  try {
    // What one left that was killed together with its guard.
    await processes.run('sh', ['-c', CLEAN_UP])
    const link = await makeOwnLink(processes)
    const ruleset = await processes.run('nft', ['list', 'ruleset'])
    const isTracking = usesTracking(ruleset.stdout)
    const script = probeTableScript([...beacons, ...probes], partners, isTracking)
    await processes.run('nft', ['-f', '-'], { input: script })
    const monitor = processes.start('nft', ['monitor', 'trace'], { onLine: (line) => trace.line(line) })
    try {
      const isTraced = await beaconIsHeard(beacons[0], trace, link, components)
      const [errors] = await Promise.all([sendAll(probes, link, PAUSE_MS, processes), meanwhile()])
      // A limit may have stopped some, or a packet was lost on a loaded machine.
      const again = await passages(processes).then((first) =>
        probes.filter(({ mark }) => (first.get(String(mark))?.passed ?? 0) === 0),
      )
      const later = await sendAll(again, link, SECOND_PAUSE_MS, processes)
      if (isTraced) await beaconIsHeard(beacons[1], trace, link, components)
      return {
        passages: await passages(processes),
        drops: trace.drops(),
        errors: new Map([...errors, ...later]),
        hasLegacyRules: LEGACY_TABLES.some(isFilled),
      }
    } finally {
      await monitor.stop()
    }
  } catch (error) {
    throw new Re6stError('DAEMON', remedyOf(messageOf(error)), { cause: error })
  } finally {
    await processes.run('sh', ['-c', CLEAN_UP]).catch(() => {})
    guard.signal('SIGKILL')
    await guard.ended
  }
}

function remedyOf(message: string): string {
  if (/\bnft\b.*ENOENT/.test(message)) return 'nft is missing: apt-get install nftables'
  if (/\btc\b.*ENOENT/.test(message)) return 'tc is missing: apt-get install iproute2'
  if (/\bperl\b.*ENOENT/.test(message)) return 'perl is missing: apt-get install perl-base'
  if (/not permitted|must be root|superuser/i.test(message))
    return `packets cannot be tried without CAP_NET_ADMIN and CAP_NET_RAW: ${AS_ROOT}`
  return `packets cannot be tried here: ${message}`
}

async function passages(processes: Processes) {
  const { stdout } = await processes.run('nft', ['-j', 'list', 'table', 'inet', PROBE_TABLE])
  const read = readPassages(stdout)
  if (!read.ok) throw new Error(read.reason)
  return read.value
}

async function sendAll(
  probes: readonly Probe[],
  link: OwnLink,
  pauseMs: number,
  processes: Processes,
): Promise<ReadonlyMap<string, string>> {
  const errors = new Map<string, string>()
  const send = async (some: readonly Probe[]) => {
    if (some.length === 0) return
    for (const [mark, reason] of await sendProbes(some, link, pauseMs, processes)) errors.set(mark, reason)
  }
  const received = probes.filter(({ entry }) => entry === 'receive')
  for (const iface of new Set(received.map((probe) => probe.iface))) {
    const those = received.filter((probe) => probe.iface === iface)
    try {
      await redirectTo(iface, processes)
      await send(those)
    } catch (error) {
      // Tunnels come and go: what would have come by one that is gone is not tried.
      const [first] = those
      if (first && (await isThere(first.index, processes))) throw error
      for (const { mark } of those) errors.set(String(mark), `${iface} is gone`)
    }
  }
  await send(probes.filter(({ entry }) => entry === 'send'))
  return errors
}

/** Sends it until it is seen in the trace, which begins some time after the program did. */
async function beaconIsHeard(
  beacon: Probe,
  trace: ProbeTrace,
  link: OwnLink,
  { processes, clock }: TrialComponents,
): Promise<boolean> {
  const untilMs = clock.monotonicMs() + TRACE_PATIENCE_MS
  while (clock.monotonicMs() < untilMs) {
    await sendProbes([beacon], link, 0, processes)
    await clock.sleep(LOOK_MS)
    if (trace.has(beacon.mark)) return true
  }
  return false
}

function isFilled(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim() !== ''
  } catch {
    // The module of the old iptables is not loaded.
    return false
  }
}
