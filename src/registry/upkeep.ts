import type { Authority } from '../core/crypto/certificate.ts'
import { DAY_MS } from '../core/day.ts'
import { Re6stError } from '../core/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { warnOfEnd } from './authority-checks.ts'
import type { NetworkConfiguration } from './configuration.ts'
import type { Store } from './database/store.ts'
import { cleanUpExpired } from './expiry.ts'
import type { Ledger } from './ledger.ts'
import type { Sessions } from './sessions.ts'

interface UpkeepComponents {
  readonly store: Store
  readonly ledger: Ledger
  readonly sessions: Pick<Sessions, 'end'>
  readonly configuration: Pick<NetworkConfiguration, 'publish' | 'registryPrefix'>
  readonly authority: Authority
  readonly clock: Clock
  readonly log: Logger
}

/** How often expired certificates are looked for. */
const INTERVAL_MS = DAY_MS

/** Clocks that are kept by NTP are less apart, also where an answer of the database takes long. */
const APART_MS = 60_000

/** What a registry does at its start, and once a day: removes what has ended. */
export class Upkeep {
  readonly #components: UpkeepComponents
  readonly #gracePeriodMs: number

  constructor(components: UpkeepComponents, gracePeriodMs: number) {
    this.#components = components
    this.#gracePeriodMs = gracePeriodMs
  }

  /** Removes what has ended now. @throws Re6stError as {@link cleanUpExpired} does */
  async cleanUp(): Promise<void> {
    const { authority, clock, log, configuration, sessions, store } = this.#components
    warnOfEnd(authority, clock.now(), log)
    const apartMs = (await store.commonTimeMs(clock)) - clock.now()
    if (Math.abs(apartMs) > APART_MS)
      log.warn(
        { apartMs },
        "--db: the clock of the database's machine is not that of this one: set the one that is wrong; certificates begin and end by the database's",
      )
    const gone = await cleanUpExpired(this.#components, this.#gracePeriodMs, configuration.registryPrefix)
    for (const prefix of gone) await sessions.end(prefix)
  }

  /** From now on, once a day, until disposed of; publishes then what has changed. @param fail the registry cannot go on */
  daily(fail: (error: Error) => void): Disposable {
    const { clock, log, configuration } = this.#components
    return clock.every(INTERVAL_MS, () => {
      this.cleanUp()
        .catch((error: unknown) => {
          // A database that cannot be written now can be cleaned up tomorrow.
          if (error instanceof Re6stError) fail(error)
          else log.error({ err: error }, 'what has expired cannot be removed')
        })
        // What has gone wrong is logged there, and tried again.
        .then(() => configuration.publish())
        .catch(() => {})
    })
  }
}
