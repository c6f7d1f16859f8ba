import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { becomeStandby } from '../../../../src/registry/standby/standby.ts'
import { freePort } from '../../../support/free-port.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { vectors } from '../../../support/vectors.ts'

/** Of which files the disk has failed. */
const disk = vi.hoisted(() => ({ isBroken: (_file: number): boolean => false }))

vi.mock('node:fs', async (load) => {
  const real = await load<typeof import('node:fs')>()
  return {
    ...real,
    fdatasync: (file: number, done: (error: Error | null) => void) => {
      if (disk.isBroken(file)) setImmediate(done, new Error('EIO'))
      else real.fdatasync(file, done)
    },
  }
})

const { ca: caPem } = vectors<{ ca: string }>('pki.json')

it('a standby whose disk has failed ends, so that it is started again: without it the primary gives nothing', async () => {
  const [one, other] = [await freePort(), await freePort()]
  const secret = '0123456789abcdef0123456789abcdef'
  const side = (listen: number, peer: number) => ({
    peer: { host: '127.0.0.1', port: peer, secret },
    listen: { kind: 'address', address: '127.0.0.1', port: listen } as const,
  })
  const databasePath = join(temporaryDirectory(), 'registry.db')
  await using primary = await testRegistry({ pair: side(one, other) }, { clock: systemClock })
  const standby = await becomeStandby({
    ...{ databasePath, caPem, webhooks: undefined, clock: systemClock, log: silentLog },
    commandSocket: undefined,
    pair: side(other, one),
  })
  if (!standby) throw new Error('it serves')
  try {
    await waitFor(
      async () =>
        /^re6st_registry_standby_registered 1$/m.test(
          await (await fetch(new URL('metrics', primary.url))).text(),
        ),
      { what: 'the standby', deadlineMs: 20_000, intervalMs: 20 },
    )
    // It says each second how far it is, when that is on its disk.
    disk.isBroken = (file) => readlinkSync(`/proc/self/fd/${file}`) === `${databasePath}-wal`
    await expect(standby.promoted).rejects.toThrow(/the disk cannot be written .*EIO/)
  } finally {
    disk.isBroken = () => false
    await standby[Symbol.asyncDispose]()
  }
})
