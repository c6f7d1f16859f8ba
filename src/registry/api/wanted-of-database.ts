import type { Clock } from '../../platform/clock.ts'
import { authorityHead, type ListFilter } from '../list-filter.ts'
import type { MachineQuery } from './schemas/machines.ts'

/** What machines say of themselves, as the database has it. */
export interface Said {
  /** The present version of the configuration. */
  readonly version: () => number
  /** Writes what was said a moment ago. */
  readonly save: () => Promise<void>
}

/** What of a query the database answers alone. */
export type DatabaseQuery = Pick<
  MachineQuery,
  'configuration' | 'authority' | 'protocolBelow' | 'implementation' | 'subjectSerialFrom'
>

/** What a query wants that only the database knows of machines: what they have said when they called. */
export class WantedOfDatabase {
  readonly #said: Pick<Said, 'version'>
  readonly #clock: Pick<Clock, 'now'>

  constructor(said: Pick<Said, 'version'>, clock: Pick<Clock, 'now'>) {
    this.#said = said
    this.#clock = clock
  }

  /** Undefined: nothing. Of whom something is to be seen to is no machine whose certificate has ended: it is not let in. */
  of({
    configuration,
    authority,
    protocolBelow,
    implementation,
    subjectSerialFrom,
  }: DatabaseQuery): Partial<ListFilter> | undefined {
    const wanted: Partial<ListFilter> = {
      versionBelow: configuration === undefined ? undefined : this.#said.version(),
      authority: authority === undefined ? undefined : headOf(authority),
      ...{ protocolBelow, implementation, subjectSerialFrom },
    }
    return Object.values(wanted).every((one) => one === undefined)
      ? undefined
      : { ...wanted, endsAfter: Math.floor(this.#clock.now() / 1000) }
  }
}

/** Of a fingerprint as the API says it. */
const headOf = (authority: string): string =>
  authority === 'unknown'
    ? ''
    : authorityHead(authority.replace('sha256:', '').replaceAll(':', '').toLowerCase())
