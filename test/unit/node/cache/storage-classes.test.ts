import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import type { ConfigValue } from '../../../../src/core/config/network-config.ts'
import { parseAddressList } from '../../../../src/core/values/address-list.ts'
import { bitsOfNumber } from '../../../../src/core/values/bits.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { openCache } from '../../../../src/node/cache/cache.ts'
import { fc } from '../../../support/property.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { silentLog } from '../../../support/silent-log.ts'

const RECORDED = fileURLToPath(new URL('../../../vectors/cache-db/cache.db', import.meta.url))

/** Definitions of the tables, and every storage class of each column; of `config`, of each value. */
function typesOf(path: string): Set<string> {
  const database = new Database(path, { readonly: true })
  const all = (sql: string) => database.prepare(sql).all() as Record<string, string>[]
  const types = new Set<string>()
  for (const { name, sql } of all("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    types.add(`${name}: ${sql}`)
  for (const { prefix, address } of all(
    'SELECT DISTINCT typeof(prefix) AS prefix, typeof(address) AS address FROM peer',
  ))
    types.add(`peer: ${prefix}, ${address}`)
  for (const { name, type } of all('SELECT name, typeof(value) AS type FROM config'))
    types.add(`config ${name}: ${type}`)
  database.close()
  return types
}

/** What the recorded file has; and the values that it happens to have none of, as protocol.md says of them. */
const allowed = new Set([
  ...typesOf(RECORDED),
  'config babel_hmac_accept: blob',
  // Empty: anything is accepted.
  'config babel_hmac_accept: text',
  'config valid_until: real',
  'config ipv4: text',
  'config ipv4_sublen: integer',
  'config same_country:json: text',
])

const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((some) => Buffer.from(some))
const seconds = fc.integer({ min: 1, max: 2 ** 40 })
/** A configuration as the registry gives it. */
const configuration = fc.record<Record<string, ConfigValue>>(
  {
    ...{ registry_prefix: fc.constant('0'.repeat(16)), protocol: seconds, min_protocol: seconds },
    ...{ version: bytes, crl: fc.array(fc.integer({ min: 1, max: 2 ** 53 - 1 })), hello: seconds },
    ...{ client_count: seconds, max_clients: fc.nat(), tunnel_refresh: seconds, encrypt: fc.boolean() },
    ...{ babel_default: fc.string(), babel_hmac_sign: bytes },
    babel_hmac_accept: fc.oneof(bytes, fc.constant('')),
    valid_until: seconds.map((whole) => whole + 0.25),
    ...{ ipv4: fc.constant('10.42.0.0/16'), ipv4_sublen: seconds },
    same_country: fc.array(fc.constantFrom('FR', 'DE')),
  },
  { requiredKeys: ['registry_prefix', 'protocol', 'version', 'crl', 'hello', 'encrypt'] },
)
const peer = fc.nat({ max: 300 }).map((number) => prefixOfBits(bitsOfNumber(BigInt(number), 16)))
const addresses = fc
  .array(fc.constantFrom('192.0.2.1,1194,tcp', '2001:db8::1,1194,udp6,FR', 'a.example,1,tcp4'))
  .map((list) => parseAddressList(list.join(';')).addresses)
const CALL = fc.oneof(
  fc.record({ kind: fc.constant('config' as const), configuration }),
  fc.record({ kind: fc.constantFrom('store' as const, 'announced' as const), peer, addresses }),
  fc.record({ kind: fc.constant('forget' as const), peer }),
  fc.record({ kind: fc.constant('own' as const), addresses }),
  fc.constant({ kind: 'restart' as const }),
)

it('the cache has the tables and storage classes that are recorded, after any sequence of calls', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(CALL, { minLength: 1, maxLength: 30 }), (isTakenOver, calls) => {
      const path = join(temporaryDirectory(), 'cache.db')
      if (isTakenOver) copyFileSync(RECORDED, path)
      let cache = openCache(path, silentLog)
      for (const call of calls)
        switch (call.kind) {
          case 'config':
            cache.writeConfig(new Map(Object.entries(call.configuration)))
            break
          case 'store':
            cache.store(call.peer, call.addresses)
            break
          case 'announced':
            cache.storeAnnounced(call.peer, call.addresses)
            break
          case 'forget':
            cache.forget(call.peer)
            break
          case 'own':
            cache.ownAddresses = call.addresses
            break
          case 'restart':
            cache[Symbol.dispose]()
            cache = openCache(path, silentLog)
        }
      const [config, peers] = [cache.readConfig(), cache.peers()]
      cache[Symbol.dispose]()
      for (const type of typesOf(path)) expect(allowed).toContain(type)
      using again = openCache(path, silentLog)
      expect([again.readConfig(), again.peers().sort()]).toEqual([config, peers.sort()])
    }),
    { numRuns: 60 },
  )
})
