import { Re6stError } from '../errors.ts'
import { isBits } from '../values/bits.ts'

/** Where a machine is: ISO country code, and code of the continent; as far as is known. */
export interface Location {
  readonly country: string
  readonly continent: string
}

/** Which part of the network a machine gets its prefix in, by its location. */
export class Communities {
  readonly #byLocation: ReadonlyMap<string, string>
  /** Bits of all communities; one, the empty one, if there is no community file. */
  readonly all: readonly string[]

  constructor(byLocation: ReadonlyMap<string, string>, all: readonly string[]) {
    this.#byLocation = byLocation
    this.all = all
  }

  /** The community of a location: by country, else by continent, else the default. */
  of(location: Location | undefined): string {
    const { country = '', continent = '' } = location ?? {}
    const [byCountry, byContinent] = [this.#byLocation.get(country), this.#byLocation.get(`@${continent}`)]
    return byCountry ?? byContinent ?? this.#byLocation.get(DEFAULT) ?? ''
  }
}

/** Location of the community for machines from elsewhere. */
const DEFAULT = '*'

/** The whole network is one community. */
export const ONE_COMMUNITY = new Communities(new Map([[DEFAULT, '']]), [''])

/**
 * Reads a community file: `<bits> <location>…` on each line; a location is a country code, `@` and a continent code,
 * or `*`.
 * @throws Re6stError `FILE`, saying which line or community is wrong
 */
export function parseCommunities(text: string): Communities {
  const byLocation = new Map<string, string>()
  const lines = new Map<string, readonly string[]>()
  for (const line of text.split('\n')) {
    const [bits, ...locations] = line.split('#')[0]?.trim().split(/\s+/) ?? []
    if (bits === undefined || bits === '') continue
    if (!isBits(bits)) throw wrong(`${JSON.stringify(bits)} is not a prefix in bits`)
    lines.set(bits, locations) // given twice: the later line counts
  }
  let defaults = 0
  for (const [bits, locations] of lines) {
    for (const location of locations) byLocation.set(location, bits)
    defaults += locations.filter((location) => location === DEFAULT).length
  }
  if (defaults !== 1)
    throw wrong(`there must be one community for the default location (*), there are ${defaults}`)
  const all = [...lines.keys()].sort()
  for (const [index, bits] of all.entries()) {
    // Sorted, what lies inside a community comes right after it.
    const next = all[index + 1]
    if (next?.startsWith(bits)) throw wrong(`communities ${bits} and ${next} overlap`)
  }
  return new Communities(byLocation, all)
}

/**
 * Makes sure that no allocated prefix contains a community: nothing could be allocated there.
 * @param isUsed whether a prefix is allocated
 * @throws Re6stError `FILE`
 */
export async function checkCommunities(
  communities: Communities,
  isUsed: (prefix: string) => Promise<boolean>,
): Promise<void> {
  for (const community of communities.all)
    for (let length = 0; length <= community.length && community !== ''; length++)
      if (await isUsed(community.slice(0, length)))
        throw wrong(`the allocated prefix ${community.slice(0, length)} contains the community ${community}`)
}

/** Reads `FR,EU`: country and continent. Undefined if it is neither. */
export function parseLocation(text: string): Location | undefined {
  const [country, continent, ...more] = text.split(',')
  return country === undefined || continent === undefined || more.length > 0
    ? undefined
    : { country, continent }
}

const wrong = (why: string) => new Re6stError('FILE', `--community: ${why}`)
