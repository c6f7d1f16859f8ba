import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeSocketDirectory } from '../../../src/registry/command-socket.ts'
import { makeOwnDirectory } from '../../../src/registry/database/own-directory.ts'
import { temporaryDirectory } from '../../support/registry.ts'

it('the directory of the database that nobody names is made, for nobody else', () => {
  const own = join(temporaryDirectory(), 'lib', 're6stnet', 'registry.db')
  makeOwnDirectory(own, own)
  makeOwnDirectory(own, own)
  expect(statSync(join(own, '..')).mode & 0o777).toBe(0o700)
})

it('one that is there stays as it is', () => {
  const own = join(temporaryDirectory(), 'registry.db')
  const { mode } = statSync(join(own, '..'))
  makeOwnDirectory(own, own)
  expect(statSync(join(own, '..')).mode).toBe(mode)
})

it('that of a database which an option names is not made', () => {
  const directory = temporaryDirectory()
  const named = join(directory, 'mistyped', 'registry.db')
  for (const database of [named, 'postgres://u@h/db', ':memory:'])
    makeOwnDirectory(database, join(directory, 'own', 'registry.db'))
  expect(statSync(join(directory, 'mistyped'), { throwIfNoEntry: false })).toBeUndefined()
  expect(statSync(join(directory, 'own'), { throwIfNoEntry: false })).toBeUndefined()
})

it('one that cannot be made is told of with its database', () => {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, '')
  const own = join(file, 're6stnet', 'registry.db')
  expect(() => makeOwnDirectory(own, own)).toThrow(`--db ${own}: its directory cannot be made: `)
})

it('so is that of the command socket that nobody names, where no service has made it; of another one not', () => {
  const directory = temporaryDirectory()
  const own = join(directory, 'run', 'commands.socket')
  makeSocketDirectory(own, own)
  makeSocketDirectory(own, own)
  expect(statSync(join(own, '..')).mode & 0o777).toBe(0o700)
  makeSocketDirectory(join(directory, 'other', 'commands.socket'), own)
  expect(statSync(join(directory, 'other'), { throwIfNoEntry: false })).toBeUndefined()
})
