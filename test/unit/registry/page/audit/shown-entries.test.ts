import { describe, expect, it } from 'vitest'
import { shownEntries } from '../../../../../src/registry/page/audit/shown-entries.ts'

const entries = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, at) => ({ number: from - at }))

describe('entries of the audit log that are shown', () => {
  it.each([
    ['those that were made meanwhile are before those that were loaded, none twice', 230, 131, 200, 1],
    ['also where one begins right behind the other', 300, 201, 200, 1],
    ['also when nothing was made', 200, 101, 200, 1],
  ])('%s', (_, newest, last, loaded, first) => {
    expect(shownEntries(entries(newest, last), entries(loaded, first))).toEqual(entries(newest, first))
  })

  it('after a night in which more were made than are asked for at once, none is left out in between', () => {
    // Those of 201 and before were loaded; those from 202 to 300 nobody has.
    expect(shownEntries(entries(400, 301), entries(201, 1))).toEqual(entries(400, 301))
  })

  it('as long as only one of both is there, it is that', () => {
    expect(shownEntries([], entries(9, 1))).toEqual(entries(9, 1))
    expect(shownEntries(entries(9, 1), [])).toEqual(entries(9, 1))
  })
})
