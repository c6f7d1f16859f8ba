import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Deed, Journal } from '../../../../src/node/kernel/journal.ts'
import { fc, test } from '../../../support/property.ts'
import { silentLog } from '../../../support/silent-log.ts'

const ADDRESS: Deed = { kind: 'ip', undo: ['addr', 'del', '2001:db8::1/64', 'dev', 'lo'] }
const FORWARDING: Deed = { kind: 'sysctl', path: 'net/ipv6/conf/all/forwarding', before: '0', written: '1' }

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 're6st-journal-'))
  file = join(directory, 'kernel.json')
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (boot = 'this boot') => Journal.open(file, boot, silentLog)

describe('the journal', () => {
  it('on a disk that takes nothing is only in memory, and says so once', async () => {
    const warnings: string[] = []
    const log = { ...silentLog, warn: (_: unknown, text: string) => warnings.push(text) }
    const journal = await Journal.open(join(directory, 'missing', 'kernel.json'), 'this boot', log as never)
    await journal.add(FORWARDING)
    await journal.add(ADDRESS)
    expect(journal.deeds).toEqual([FORWARDING, ADDRESS])
    await journal.remove(FORWARDING)
    expect(journal.deeds).toEqual([ADDRESS])
    expect(warnings).toEqual([expect.stringContaining('cannot be written')])
  })

  it('tells the next start what is to be undone, the oldest first', async () => {
    const journal = await open()
    await journal.add(FORWARDING)
    await journal.add(ADDRESS)
    expect((await open()).deeds).toEqual([FORWARDING, ADDRESS])
  })

  it('is no file when there is nothing to undo', async () => {
    const journal = await open()
    await journal.add(ADDRESS)
    expect(readdirSync(directory)).toEqual(['kernel.json'])
    await journal.remove(ADDRESS)
    expect(readdirSync(directory)).toEqual([])
  })

  it('means nothing after a reboot, which undoes all', async () => {
    await (await open()).add(ADDRESS)
    expect((await open('the next boot')).deeds).toEqual([])
  })

  it('that a power cut left empty is one', async () => {
    writeFileSync(file, '')
    const warn = vi.fn()
    expect((await Journal.open(file, 'this boot', { ...silentLog, warn })).deeds).toEqual([])
    expect(warn).not.toHaveBeenCalled()
  })

  it('that was cut off is taken for an empty one', async () => {
    await (await open()).add(ADDRESS)
    writeFileSync(file, readFileSync(file).subarray(0, 20))
    expect((await open()).deeds).toEqual([])
  })

  test(
    'is read or taken for an empty one, whatever it holds',
    fc.oneof(fc.string(), fc.json()),
    async (text) => {
      writeFileSync(file, text)
      expect((await open()).deeds).toEqual([])
    },
  )

  test('never brings back a deed that is none', fc.array(fc.object()), async (deeds) => {
    writeFileSync(file, JSON.stringify({ boot: 'this boot', deeds }))
    for (const deed of (await open()).deeds) expect(['ip', 'sysctl']).toContain(deed.kind)
  })
})
