import { describe, expect, test } from 'vitest'
import { isFiltered, queryOf } from '../../../../../src/registry/page/machines/machine-query.ts'

describe('which machines an address asks for', () => {
  test('what was searched, filtered and sorted by', () => {
    const query = queryOf(
      new Map([
        ['search', ' laptop '],
        ['state', 'offline'],
        ['community', '01'],
        ['country', 'FR'],
        ['sort', 'lastSeen'],
        ['order', 'descending'],
        ['machine', '5/16'],
      ]),
    )
    expect(query).toEqual({
      search: 'laptop',
      state: 'offline',
      community: '01',
      country: 'FR',
      sort: 'lastSeen',
      order: 'descending',
    })
    expect(isFiltered(query)).toBe(true)
  })

  test('what it may not say is left out', () => {
    const query = queryOf(
      new Map([
        ['state', 'broken'],
        ['community', 'France'],
        ['country', 'France'],
        ['sort', 'hair'],
        ['order', 'sideways'],
        ['protocolBelow', '300'],
        ['subjectSerialFrom', '4294967297'],
      ]),
    )
    expect(query).toEqual({ sort: 'name', order: 'ascending' })
    expect(isFiltered(query)).toBe(false)
  })

  test('a text as long as it may be searched by', () => {
    expect(queryOf(new Map([['search', 'a'.repeat(300)]])).search).toBe('a'.repeat(200))
  })

  test('numbers, as far as they may be asked for', () => {
    const query = queryOf(
      new Map([
        ['protocolBelow', '256'],
        ['subjectSerialFrom', '0'],
      ]),
    )
    expect(query).toMatchObject({ protocolBelow: 256, subjectSerialFrom: 0 })
    expect(queryOf(new Map([['protocolBelow', '0']]))).not.toHaveProperty('protocolBelow')
  })
})
