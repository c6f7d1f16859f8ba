import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MappingJournal } from '../../../../src/node/port-mapping/mapping-journal.ts'
import { fc, test } from '../../../support/property.ts'
import { silentLog } from '../../../support/silent-log.ts'

const HERE = { address: '192.168.1.1', localAddress: '192.168.1.2' }
const PORT = { protocol: 'tcp', internalPort: 1194, externalPort: 40000 } as const

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'journal-'))
  file = join(directory, 'port-mappings.json')
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('what is written down of mappings', () => {
  it('is known to the next start, with what shows that they are ours, and to nobody else', async () => {
    const journal = await MappingJournal.open(file, silentLog)
    await journal.note(HERE, 'pcp', { ...PORT, externalPort: 1194 })
    await journal.note(HERE, 'pcp', PORT)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const next = await MappingJournal.open(file, silentLog)
    expect(next.portsAt(HERE)).toEqual([PORT])
    expect(next.methodAt(HERE)).toBe('pcp')
    expect(next.nonce).toEqual(journal.nonce)
    expect(next.portsAt({ ...HERE, localAddress: '192.168.1.3' }), 'another address of ours').toEqual([])
  })

  it('is gone with the last mapping', async () => {
    const journal = await MappingJournal.open(file, silentLog)
    await journal.note(HERE, 'upnp', PORT)
    await journal.forget(PORT)
    expect(journal.isEmpty).toBe(true)
    expect(() => readFileSync(file)).toThrow('ENOENT')
  })

  it('is no reason to fail where it cannot be written', async () => {
    const journal = await MappingJournal.open(join(directory, 'missing', 'file'), silentLog)
    await journal.note(HERE, 'upnp', PORT)
    expect(journal.portsAt(HERE)).toEqual([PORT])
  })

  const VALUE = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(HERE, [PORT], [PORT, null], [{ ...PORT, externalPort: 70000 }], 'upnp', 'a'.repeat(24)),
  )
  test(
    'counts for nothing when it makes no sense',
    fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ gateway: VALUE, method: VALUE, ports: VALUE, nonce: VALUE })
        .map((content) => JSON.stringify(content)),
    ),
    async (text) => {
      writeFileSync(file, text)
      const journal = await MappingJournal.open(file, silentLog)
      expect(journal.nonce).toHaveLength(12)
      for (const { externalPort } of journal.portsAt(HERE)) expect(externalPort).toBe(PORT.externalPort)
    },
  )
})
