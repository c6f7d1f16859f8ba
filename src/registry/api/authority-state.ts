import { renewalDueMs } from '../../core/crypto/certificate.ts'
import { DAY_MS, dayOf } from '../../core/day.ts'
import { fingerprintText } from '../../core/values/fingerprint-text.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Authorities, ServedAuthority } from '../authorities.ts'
import type { AuthorityState } from './schemas/authority.ts'
import type { NetworkOverview } from './schemas/network.ts'
import { timeOf } from './time.ts'

/** What is needed to say who has the present certificate of the authority. */
export interface AuthorityStateComponents {
  readonly authorities: Pick<Authorities, 'present' | 'served' | 'holders'>
  readonly authority: NetworkOverview['authority']
  readonly clock: Pick<Clock, 'now'>
}

/** Of those that have another one, and of those that do not say, so many are named. */
const MAX_NAMED = 1_000
/** From then on the page says what to do: time enough for nodes that are off now. */
const WARNING_MS = 60 * DAY_MS

interface Group {
  count: number
  readonly names: string[]
}

/** Who has the present certificate of the authority, who another one, and of whom nobody knows. */
export async function authorityState({
  authorities,
  authority,
  clock,
}: AuthorityStateComponents): Promise<AuthorityState> {
  const nowMs = clock.now()
  const groups = new Map<string | undefined, Group>()
  let have = 0
  for await (const { prefix, notAfterMs, fingerprint } of authorities.holders()) {
    if (notAfterMs <= nowMs) continue
    if (fingerprint === authorities.present) {
      have += 1
      continue
    }
    const group = groups.get(fingerprint) ?? { count: 0, names: [] }
    groups.set(fingerprint, group)
    group.count += 1
    if (group.names.length < MAX_NAMED) group.names.push(subnetNameOfBits(prefix))
  }
  const served = new Map((await authorities.served()).map((one) => [one.fingerprint, one]))
  const silent = groups.get(undefined)
  const former = [...groups].flatMap(([fingerprint, group]) =>
    fingerprint === undefined ? [] : [formerOf(fingerprint, group, served.get(fingerprint))],
  )
  const present = served.get(authorities.present)
  const warning = warningOf(Date.parse(authority.notAfter), former, nowMs)
  return {
    authority,
    ...(present ? { since: timeOf(present.sinceMs / 1000) } : {}),
    nodesAskFrom: asksFrom(Date.parse(authority.notAfter)),
    ...{ have, former, silent: silent?.count ?? 0, silentMachines: silent?.names ?? [] },
    ...(warning === undefined ? {} : { warning }),
  }
}

function formerOf(
  fingerprint: string,
  { count, names }: Group,
  served: ServedAuthority | undefined,
): AuthorityState['former'][number] {
  return {
    fingerprint: fingerprintText('sha256', Buffer.from(fingerprint, 'hex')),
    ...(served
      ? { notAfter: timeOf(served.notAfterMs / 1000), nodesAskFrom: asksFrom(served.notAfterMs) }
      : {}),
    have: count,
    machines: names,
  }
}

const asksFrom = (notAfterMs: number): string =>
  new Date(renewalDueMs({ notBeforeMs: 0, notAfterMs })).toISOString()

function warningOf(endMs: number, former: AuthorityState['former'], nowMs: number): string | undefined {
  const behind = former.flatMap(({ have, notAfter }) => {
    if (notAfter === undefined) return []
    const who = have === 1 ? '1 machine has' : `${have} machines have`
    return Date.parse(notAfter) <= nowMs
      ? [
          `${who} one that ended on ${dayOf(notAfter)}: cut off until asking for the present one, which a node that runs does each hour`,
        ]
      : Date.parse(notAfter) - nowMs < WARNING_MS
        ? [
            `${who} one that ends on ${dayOf(notAfter)}, and must be running before that to ask for the present one`,
          ]
        : []
  })
  const end =
    endMs - nowMs < WARNING_MS
      ? [
          `the authority ${endMs <= nowMs ? 'ended' : 'ends'} on ${dayOf(endMs)}: run "re6st-registry ca renew", and start the registry again`,
        ]
      : []
  return [...end, ...behind].join('; ') || undefined
}
