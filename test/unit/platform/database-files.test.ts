import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { databasesNamed, freeDatabaseName, keepNoLonger } from '../../../src/platform/database-files.ts'
import { temporaryDirectory } from '../../support/registry.ts'

it('of the databases with a name and a number, all are found in their order, also where somebody has removed some', () => {
  const name = join(temporaryDirectory(), 'registry.db.before-restore')
  expect(databasesNamed(name)).toEqual([])
  for (const ending of ['.10', '.2', '.1', '.02', '.lost', '-wal', '.3-wal', 'd'])
    writeFileSync(`${name}${ending}`, '')
  expect(databasesNamed(name)).toEqual([`${name}.2`, `${name}.10`])
  // What is kept beside one that is gone is of that one.
  expect(freeDatabaseName(name)).toBe(`${name}.4`)
  writeFileSync(name, '')
  expect(databasesNamed(name)).toEqual([name, `${name}.2`, `${name}.10`])
  expect(databasesNamed(join(name, 'nowhere', 'registry.db'))).toEqual([])
})

it('a database stays where it is kept when another one has its name meanwhile', () => {
  const directory = join(temporaryDirectory(), 'databases')
  mkdirSync(directory)
  const [path, kept] = [join(directory, 'registry.db'), join(directory, 'kept')]
  writeFileSync(kept, 'the only one')
  writeFileSync(`${kept}-wal`, 'what belongs to it')
  writeFileSync(path, 'another')
  keepNoLonger(path, kept)
  expect(databasesNamed(kept)).toEqual([kept])
  expect(databasesNamed(`${kept}-wal`)).toEqual([`${kept}-wal`])
})
