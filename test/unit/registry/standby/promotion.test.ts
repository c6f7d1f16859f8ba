import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { packInteger } from '../../../../src/core/values/packed-integer.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { promote } from '../../../../src/registry/standby/promotion.ts'
import { isOfStandby, roleOf, standbyId } from '../../../../src/registry/standby/role.ts'
import { temporaryDirectory } from '../../../support/registry.ts'

const ACTOR = { name: 'test', from: undefined }
const clock = { now: () => 1_900_000_000_000 }
const nobody = async () => undefined
const wanted = { nodePrefix: undefined, isLossAccepted: false }

/** A database with a network. */
async function makeNetwork(path: string, epoch = 1): Promise<void> {
  await using store = await openStore(path)
  await store.write(async (writable) => {
    await writable.setConfig('version', packInteger(7))
    await writable.run('UPDATE replication SET epoch = ?', epoch)
  })
}

/** That of a standby which has everything. */
async function standby(): Promise<string> {
  const path = join(temporaryDirectory(), 'registry.db')
  expect(await roleOf(path, nobody)).toBe('standby')
  await makeNetwork(path)
  new Database(path)
    .exec(`UPDATE replication SET standby = '${standbyId(path)}', since = 1, generation = 'of the primary'`)
    .close()
  return path
}

it.each(['it is started again', 'it is promoted again'])(
  'a promotion that was cut off right before its end is at its end when %s',
  async (what) => {
    const path = await standby()
    const mark = readFileSync(`${path}.standby`)
    expect(await promote(path, wanted, ACTOR, clock)).toBe(2)
    expect(isOfStandby(path)).toBe(false)
    writeFileSync(`${path}.standby`, mark)
    if (what === 'it is promoted again') expect(await promote(path, wanted, ACTOR, clock)).toBe(2)
    expect(await roleOf(path, nobody)).toBe('primary')
    expect(isOfStandby(path)).toBe(false)
  },
)

it('one that follows stays a standby, also of a later epoch', async () => {
  const path = await standby()
  new Database(path).exec('UPDATE replication SET epoch = 3').close()
  expect(await roleOf(path, nobody)).toBe('standby')
})

it('the database of a former primary is kept, each time', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  for (const ending of ['', '.2', '.3']) {
    await makeNetwork(path)
    const content = readFileSync(path)
    expect(await roleOf(path, async () => ({ role: 'primary', epoch: 2 }))).toBe('standby')
    expect(existsSync(path)).toBe(false)
    expect(readFileSync(`${path}.before-standby${ending}`).equals(content)).toBe(true)
    // As a promotion ends it.
    rmSync(`${path}.standby`)
  }
})
