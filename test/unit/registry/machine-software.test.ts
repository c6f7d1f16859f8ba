import { expect, it } from 'vitest'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { implementationOf, MachineSoftware } from '../../../src/registry/machine-software.ts'
import { SaidCounts } from '../../../src/registry/said-counts.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const PYTHON = 're6stnet/0-635.g3a091eb.dirty, Linux-4.19-x86_64-with-debian-10.13'
const OWN = 're6stnet/0.1.0 protocol/10'
const LATER = 10_000

const softwareOf = (store: Store, clock = steppedClock()) =>
  new MachineSoftware({ store, clock, log: silentLog })

async function hold(store: Store, prefix: string, notAfter = LATER): Promise<void> {
  await store.write((writable) =>
    writable.setHolder({
      ...{ prefix, email: null, serial: Number.parseInt(`1${prefix}`, 2), subject_serial: 0, reason: null },
      not_after: notAfter,
    }),
  )
}

it.each([
  [OWN, 'own', '0.1.0'],
  [PYTHON, 'python', '0-635.g3a091eb.dirty'],
  ['re6stnet/0-635.g3a091eb', 'python', '0-635.g3a091eb'],
  ['curl/8.5.0', '', ''],
  ['re6stnet/', '', ''],
  [undefined, '', ''],
  [`re6stnet/1\u001b[2J${'9'.repeat(1_000)}`, 'python', `1\\u001b[2J${'9'.repeat(90)}`],
])('who calls itself %j runs %j in version %j', (agent, implementation, version) => {
  expect(implementationOf(agent)).toEqual({ implementation, version })
})

it('what machines run is kept, counted without those whose certificates have ended, and forgotten with the machine', async () => {
  await using store = await openStore(':memory:')
  for (const prefix of ['00', '01', '10']) await hold(store, prefix)
  await hold(store, '11', 50)
  const clock = steppedClock()
  const software = softwareOf(store, clock)
  software.heard('00', 10, OWN)
  software.heard('01', 6, PYTHON)
  software.heard('11', 6, PYTHON)
  // Written soon, without anybody asking for it.
  await clock.pass(10_000)
  const counts = new SaidCounts(store, 100)
  const byValue = <Value>(all: readonly { readonly value: Value; readonly n: number }[]) =>
    new Map(all.map(({ value, n }) => [value, n] as const))
  expect(byValue(await counts.each('software'))).toEqual(
    new Map([
      ['own', 1],
      ['python', 1],
      ['', 1],
    ]),
  )
  expect(byValue(await counts.each('protocol'))).toEqual(
    new Map([
      [10, 1],
      [6, 1],
      [0, 1],
    ]),
  )
  expect(await softwareOf(store).of(['00', '01', '10'])).toEqual(
    new Map([
      ['00', { protocol: 10, implementation: 'own', version: '0.1.0' }],
      ['01', { protocol: 6, implementation: 'python', version: '0-635.g3a091eb.dirty' }],
    ]),
  )
  // A certificate that cannot be read for a while is not listed, and then again with all that is known.
  await store.write((writable) => writable.run("UPDATE holder SET reason = 'x' WHERE prefix = '01'"))
  expect(byValue(await counts.each('software')).get('python')).toBeUndefined()
  await store.write((writable) => writable.run("UPDATE holder SET reason = NULL WHERE prefix = '01'"))
  expect(byValue(await counts.each('software')).get('python')).toBe(1)
  await store.write((writable) => writable.run('DELETE FROM machine_software'))
  expect(byValue(await counts.each('software'))).toEqual(new Map([['', 3]]))
})

it('a machine that is updated says something else, and whoever gets its prefix nothing', async () => {
  await using store = await openStore(':memory:')
  await hold(store, '00')
  const software = softwareOf(store)
  software.heard('00', 6, PYTHON)
  await software.save()
  software.heard('00', 10, OWN)
  expect((await software.of(['00'])).get('00')).toMatchObject({ protocol: 10, implementation: 'own' })
  await store.write((writable) => writable.run('DELETE FROM machine_software'))
  software.forget('00')
  software.heard('00', 10, OWN)
  expect((await software.of(['00'])).size).toBe(1)
})
