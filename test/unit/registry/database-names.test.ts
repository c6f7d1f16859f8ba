import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Re6stError } from '../../../src/core/errors.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { isPostgresUrl, serversOf, withoutPassword } from '../../../src/registry/database/postgres-servers.ts'

/** Of letters that are nowhere else in a URL of these tests, and all that a URL is made of. */
const password = fc
  .array(
    fc.constantFrom(
      'X',
      'Y',
      'Z',
      '7',
      '9',
      ':',
      '/',
      '@',
      '?',
      '#',
      '&',
      '=',
      ',',
      ';',
      '%',
      '[',
      ']',
      ' ',
      '\\',
      '\n',
      'é',
    ),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((letters) => letters.join(''))
const scheme = fc.constantFrom(
  'postgres://',
  'postgresql://',
  'POSTGRES://',
  'PostgreSQL://',
  'postgres:',
  'mysql://',
)
const hosts = fc.constantFrom('h', 'a,b:5433', '[::1]', '[::1]:5432,h', '')
const SECRET = /[XYZ79é\\]/

const places = [
  (password: string, host: string) => `u:${password}@${host}/db`,
  (password: string, host: string) => `u:${password}@${host}/db?sslmode=require`,
  (password: string, host: string) => `:${password}@${host}`,
  (password: string, host: string) => `u@${host}/db?password=${password}`,
  (password: string, host: string) => `u@${host}/db?user=u&password=${password}&sslmode=require`,
  (password: string, host: string) => `${host}/db?host=h#${password}`,
]

describe('the name of a database, for people', () => {
  it('has nothing of a password, wherever in the URL and however it is written', () => {
    fc.assert(
      fc.property(scheme, password, hosts, fc.constantFrom(...places), (scheme, password, host, url) => {
        expect(withoutPassword(`${scheme}${url(password, host)}`)).not.toMatch(SECRET)
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 2000) },
    )
  })

  it.each([
    ['postgres://me:secret@db.example.com/re6st?sslmode=require', 'postgres://me@db.example.com/re6st'],
    ['postgres://u:pa:ss@h:5433/db', 'postgres://u@h:5433/db'],
    ['postgres://u:p@w@h/db', 'postgres://u@h/db'],
    ['POSTGRES://u:pw@h/db', 'POSTGRES://u@h/db'],
    ['postgresql://u@a,b:5433/db?password=secret', 'postgresql://u@a,b:5433/db'],
    ['postgres://:pw@h/db', 'postgres://h/db'],
    ['postgres:///db?host=/run/postgresql', 'postgres:///db'],
    ['postgres://u:pw@%2Frun%2Fpostgresql/db', 'postgres://u@%2Frun%2Fpostgresql/db'],
    ['postgres://u:pa/ss@h/db', 'postgres://…'],
    ['postgres://u:12/ss@h/db', 'postgres://…'],
    ['postgres://h/db&password=secret', 'postgres://…'],
    ['mysql://u:pw@h/db', 'mysql://…'],
    ['/srv/a:b@c/registry.db', '/srv/a:b@c/registry.db'],
    [':memory:', ':memory:'],
  ])('of %s is %s', (database, name) => {
    expect(withoutPassword(database)).toBe(name)
  })
})

it('a URL of PostgreSQL is one in capitals, too, and a mistyped one is no file', () => {
  expect(['postgres://h/db', 'POSTGRESQL://h/db', 'postgres:u:pw@h'].map(isPostgresUrl)).toEqual([
    true,
    true,
    true,
  ])
  expect(['postgres', './postgres:', 'registry.db', ':memory:'].map(isPostgresUrl)).toEqual([
    false,
    false,
    false,
    false,
  ])
})

it.each([
  'postgres://u:pa/ss@h/db',
  'postgres://u:12/ss@h/db',
  'postgres://u:p@w/ss@h/db',
  'postgres:u:pw@h',
])(
  'nobody is asked for %s, of which a part of the password would be taken for something else',
  async (url) => {
    expect(serversOf(url).ok).toBe(false)
    const error: unknown = await openStore(url).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Re6stError)
    expect((error as Re6stError).message).toMatch(/^--db postgres:\/\/…: is no URL .* %2F/)
  },
)
