import { readdirSync } from 'node:fs'
import type { MacAlgorithm, MacKey } from '../../src/core/babel/mac/keys.ts'
import { hex, vectors } from './vectors.ts'

/** A packet as it went over the cable. */
interface RecordedPacket {
  readonly from: string
  readonly to: string
  readonly octets: Uint8Array
}

/** What two routers said to each other: `test/vectors/babel`. */
export interface Conversation {
  readonly name: string
  readonly routers: readonly ('babeld' | 'bird')[]
  readonly keys: readonly MacKey[]
  readonly packets: readonly RecordedPacket[]
}

/** A file as it was recorded. */
interface Recorded {
  readonly routers: Conversation['routers']
  readonly keys: readonly { readonly algorithm: MacAlgorithm; readonly key: string }[]
  readonly packets: readonly { readonly from: string; readonly to: string; readonly octets: string }[]
}

/** All that were recorded. */
export const conversations: readonly Conversation[] = readdirSync(
  new URL('../vectors/babel', import.meta.url),
)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    const { routers, keys, packets } = vectors<Recorded>(`babel/${file}`)
    return {
      name: file.replace('.json', ''),
      routers,
      keys: keys.map(({ algorithm, key }) => ({ algorithm, key: hex(key) })),
      packets: packets.map(({ from, to, octets }) => ({ from, to, octets: hex(octets) })),
    }
  })
