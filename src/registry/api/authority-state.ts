import { renewalDueMs } from '../../core/crypto/certificate.ts'
import { DAY_MS, dayOf } from '../../core/day.ts'
import { fingerprintText } from '../../core/values/fingerprint-text.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Authorities, ServedAuthority } from '../authorities.ts'
import type { Store } from '../database/store.ts'
import type { Ledger } from '../ledger.ts'
import { authorityHead } from '../list-filter.ts'
import { ListedMachines } from '../listed-machines.ts'
import { type Counted, SaidCounts } from '../said-counts.ts'
import type { AuthorityState } from './schemas/authority.ts'
import { MAX_NAMED } from './schemas/common.ts'
import type { NetworkOverview } from './schemas/network.ts'
import { timeOf } from './time.ts'

/** What is needed to say who has the present certificate of the authority. */
export interface AuthorityStateComponents {
  readonly store: Store
  readonly ledger: Pick<Ledger, 'size' | 'countEnding'>
  readonly authorities: Pick<Authorities, 'present' | 'served' | 'save' | 'of'>
  readonly authority: NetworkOverview['authority']
  readonly clock: Pick<Clock, 'now'>
}

/** A machine may say anything: so many other certificates are told of, those that most have. */
const MAX_FORMER = 20
/** From then on the page says what to do: time enough for nodes that are off now. */
const WARNING_MS = 60 * DAY_MS

/** Who has the present certificate of the authority, who another one, and of whom nobody knows: the database counts. */
export async function authorityState(components: AuthorityStateComponents): Promise<AuthorityState> {
  const { store, ledger, authorities, authority, clock } = components
  // What was said a moment ago counts, too.
  await authorities.save()
  const nowMs = clock.now()
  const endedBy = Math.floor(nowMs / 1000)
  const counts = new SaidCounts(store, endedBy)
  const presentHead = authorityHead(authorities.present)
  const machines = (await ledger.size()) - (await ledger.countEnding(0, nowMs))
  const others = await counts.others('authority', presentHead)
  const most = (await counts.most('authority', presentHead, MAX_FORMER + 1))
    .filter(({ value }) => value !== '')
    .slice(0, MAX_FORMER)
  const silent = await counts.of('authority', '')
  const served = await authorities.served()
  // However few have it: what was served here is told of.
  const rest = new Set(served.map(({ fingerprint }) => authorityHead(fingerprint)))
  for (const { value } of [{ value: presentHead }, ...most]) rest.delete(value)
  const few: Counted<string>[] = []
  for (const value of rest) few.push({ value, n: await counts.of('authority', value) })
  const named = async (head: string) =>
    (
      await new ListedMachines(store).part(
        { within: '', authority: head, endsAfter: endedBy },
        { column: 'prefix', isDescending: false },
        { limit: MAX_NAMED },
      )
    ).map(({ prefix }) => prefix)
  const former: AuthorityState['former'] = []
  for (const { value, n } of [...most, ...few.filter((group) => group.n > 0)]) {
    const prefixes = await named(value)
    const known = served.find(({ fingerprint }) => authorityHead(fingerprint) === value)
    const fingerprint = known?.fingerprint ?? (await authorities.of(prefixes[0] ?? ''))
    if (fingerprint !== undefined) former.push(formerOf(fingerprint, n, prefixes, known))
  }
  const present = served.find(({ fingerprint }) => fingerprint === authorities.present)
  const warning = warningOf(Date.parse(authority.notAfter), former, nowMs)
  return {
    authority,
    ...(present ? { since: timeOf(present.sinceMs / 1000) } : {}),
    nodesAskFrom: asksFrom(Date.parse(authority.notAfter)),
    have: Math.max(0, machines - others),
    haveOther: others - silent,
    former,
    ...{ silent, silentMachines: silent === 0 ? [] : (await named('')).map(subnetNameOfBits) },
    ...(warning === undefined ? {} : { warning }),
  }
}

function formerOf(
  fingerprint: string,
  have: number,
  prefixes: readonly string[],
  served: ServedAuthority | undefined,
): AuthorityState['former'][number] {
  return {
    fingerprint: fingerprintText('sha256', Buffer.from(fingerprint, 'hex')),
    ...(served
      ? { notAfter: timeOf(served.notAfterMs / 1000), nodesAskFrom: asksFrom(served.notAfterMs) }
      : {}),
    have,
    machines: prefixes.map(subnetNameOfBits),
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
