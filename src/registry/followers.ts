import { type NetworkVersion, numberOfVersion } from '../core/values/network-version.ts'
import type { Store } from './database/store.ts'
import { SaidByMachines, type SaidComponents } from './said-by-machines.ts'

/** What is needed to know who follows. */
export interface FollowersComponents extends SaidComponents {
  readonly store: SaidComponents['store'] & Pick<Store, 'allIn'>
}

/** The version of who has asked for none. */
const NONE = -1

/**
 * Which nodes have asked for which version of the network's configuration. The database keeps it: nodes ask again only when there is
 * another one, and not when the registry is started again or when another process answers.
 */
export class Followers implements AsyncDisposable {
  readonly #components: FollowersComponents
  readonly #versions: SaidByMachines<number>

  constructor(components: FollowersComponents) {
    this.#components = components
    this.#versions = new SaidByMachines(components, {
      what: 'who follows the configuration',
      ...{ table: 'machine_version', columns: ['version'] },
      rowOf: (version) => [version],
      // Whether our own node has it.
      isAskedFor: true,
    })
  }

  /** A node has asked for a version. */
  heardOf(prefix: string, version: NetworkVersion): void {
    this.#versions.heard(prefix, numberOf(version))
  }

  /** A prefix has another machine: what the one before has asked for is not its own. The database forgets it with the rest. */
  forget(prefix: string): void {
    this.#versions.forget(prefix)
  }

  /** Whether a node has asked this process for a version, or a newer one. */
  hasVersion(prefix: string, version: NetworkVersion): boolean {
    return (this.#versions.last(prefix) ?? NONE) >= numberOf(version)
  }

  /** Which of these nodes have not asked for a version, or a newer one, no matter whom and when. */
  async behind(prefixes: readonly string[], version: NetworkVersion): Promise<string[]> {
    await this.save()
    const rows = await this.#components.store.allIn<{ prefix: string; version: number }>(
      'SELECT prefix, version FROM machine_version WHERE prefix IN ?',
      prefixes,
    )
    const versions = new Map(rows.map((row) => [row.prefix, row.version] as const))
    return prefixes.filter((prefix) => (versions.get(prefix) ?? NONE) < numberOf(version))
  }

  /** Writes what was asked for. */
  save(): Promise<void> {
    return this.#versions.save()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#versions[Symbol.asyncDispose]()
  }
}

function numberOf(version: NetworkVersion): number {
  const number = numberOfVersion(version)
  return number.ok ? Number(number.value) : 0
}
