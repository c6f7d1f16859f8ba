import { ipv4Text, ipv6Text } from './address-text.ts'

/**
 * Texts of addresses, prefixes and router-ids that came lately. Each neighbour announces the same ten thousand, as a rule in the
 * same order: made once each, they cost a comparison of five words with those behind the last one, and one text in memory instead of
 * one per neighbour. Bounded: who is new takes the place of who has been there for the longest time.
 */

const PLACES = 1 << 15
const WORDS = 5
/** Where one is looked for that comes in another order: of so many, few have to share theirs. */
const HASHES = 1 << 16

/** What the four words are: prefixes by their length, from 0 (IPv6) and from 256 (IPv4) on, and others. */
const IPV4_PREFIX = 256
const IPV6_ADDRESS = 512
const IPV4_ADDRESS = 513
const ROUTER_ID = 514

/** In the order in which they came, so that those that come one after another are beside each other. */
let words: Uint32Array | undefined
const texts: string[] = []
let placesByHash: Uint16Array | undefined
/** Where the next one is expected, and where the next new one goes. */
let expected = 0
let oldest = 0

/** Text of an IPv6 prefix: 16 octets at `at`, bits beyond its length zero. */
export const ipv6PrefixText = (bytes: Uint8Array, at: number, length: number): string =>
  known(bytes, at, 16, length)

/** Text of an IPv4 prefix: 4 octets at `at`, bits beyond its length zero. */
export const ipv4PrefixText = (bytes: Uint8Array, at: number, length: number): string =>
  known(bytes, at, 4, IPV4_PREFIX + length)

/** Text of the IPv6 address at `at`. */
export const ipv6AddressText = (bytes: Uint8Array, at: number): string => known(bytes, at, 16, IPV6_ADDRESS)

/** Text of the IPv4 address at `at`. */
export const ipv4AddressText = (bytes: Uint8Array, at: number): string => known(bytes, at, 4, IPV4_ADDRESS)

/** Text of the router-id at `at`. */
export const routerIdText = (bytes: Uint8Array, at: number): string => known(bytes, at, 8, ROUTER_ID)

function known(bytes: Uint8Array, at: number, octets: 4 | 8 | 16, kind: number): string {
  const first = wordAt(bytes, at)
  const second = octets > 4 ? wordAt(bytes, at + 4) : 0
  const third = octets > 8 ? wordAt(bytes, at + 8) : 0
  const fourth = octets > 8 ? wordAt(bytes, at + 12) : 0
  let place = expected
  let text = textAt(place, first, second, third, fourth, kind)
  if (text === undefined) {
    placesByHash ??= new Uint16Array(HASHES)
    const hash = hashOf(first, second, third, fourth, kind)
    place = placesByHash[hash] ?? 0
    text = textAt(place, first, second, third, fourth, kind)
    if (text === undefined) {
      text = textOf(bytes, at, kind)
      place = oldest
      oldest = (oldest + 1) % PLACES
      placesByHash[hash] = place
      remember(place, text, first, second, third, fourth, kind)
    }
  }
  expected = (place + 1) % PLACES
  return text
}

/** The text that is there, if it is the one of these words. */
function textAt(
  place: number,
  first: number,
  second: number,
  third: number,
  fourth: number,
  kind: number,
): string | undefined {
  words ??= new Uint32Array(PLACES * WORDS)
  const start = place * WORDS
  const isSame =
    words[start] === first &&
    words[start + 1] === second &&
    words[start + 2] === third &&
    words[start + 3] === fourth &&
    words[start + 4] === kind
  // Where there is none yet, all words are zero, as those of ::/0 are.
  return isSame ? texts[place] : undefined
}

function remember(
  place: number,
  text: string,
  first: number,
  second: number,
  third: number,
  fourth: number,
  kind: number,
): void {
  words?.set([first, second, third, fourth, kind], place * WORDS)
  texts[place] = text
}

function hashOf(first: number, second: number, third: number, fourth: number, kind: number): number {
  let hash = Math.imul(first, 0x9e3779b1) ^ kind
  hash = Math.imul(hash ^ (hash >>> 15) ^ second, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13) ^ third, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 16) ^ fourth, 0x27d4eb2f)
  return (hash ^ (hash >>> 15)) & (HASHES - 1)
}

function textOf(bytes: Uint8Array, at: number, kind: number): string {
  switch (kind) {
    case IPV6_ADDRESS:
      return ipv6Text(bytes, at)
    case IPV4_ADDRESS:
      return ipv4Text(bytes, at)
    case ROUTER_ID:
      return Array.from(bytes.subarray(at, at + 8), (octet) => octet.toString(16).padStart(2, '0')).join(':')
    default:
      return kind >= IPV4_PREFIX
        ? `${ipv4Text(bytes, at)}/${kind - IPV4_PREFIX}`
        : `${ipv6Text(bytes, at)}/${kind}`
  }
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0
