import { remember } from '../core/remember.ts'
import { compareVersions, type NetworkVersion, NO_VERSION } from '../core/values/network-version.ts'

/** Of so many nodes it is kept which version they have asked for, those that have asked last. */
const MAX_FOLLOWERS = 100_000

/** Which nodes have asked for which version of the network's configuration, as far as is known since the start. */
export class Followers {
  readonly #versions = new Map<string, NetworkVersion>()

  /** A node has asked for a version. */
  heardOf(prefix: string, version: NetworkVersion): void {
    remember(this.#versions, prefix, version, MAX_FOLLOWERS)
  }

  /** Whether a node has asked for a version, or a newer one. */
  hasVersion(prefix: string, version: NetworkVersion): boolean {
    return compareVersions(this.#versions.get(prefix) ?? NO_VERSION, version) >= 0
  }

  /** Who has asked for a version, or a newer one. */
  of(version: NetworkVersion): readonly string[] {
    return [...this.#versions.keys()].filter((prefix) => this.hasVersion(prefix, version))
  }
}
