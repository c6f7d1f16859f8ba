import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { becomeStandby, type RunningStandby } from '../../src/registry/standby/standby.ts'
import { hasChromium } from '../support/chromium.ts'
import { freePort } from '../support/free-port.ts'
import { temporaryDirectory } from '../support/registry.ts'
import { type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { silentLog } from '../support/silent-log.ts'
import { vectors } from '../support/vectors.ts'

const { ca: caPem } = vectors<{ ca: string }>('pki.json')
const secret = '0123456789abcdef0123456789abcdef'
/** What changes must be on the page by then. */
const SOON_MS = 5_000

describe.skipIf(!hasChromium)('the page of a registry that has a standby', () => {
  let started: RegistryPage
  let standby: RunningStandby
  let startStandby: () => Promise<RunningStandby>

  beforeAll(async () => {
    const [one, other] = [await freePort(), await freePort()]
    const side = (listen: number, peer: number) => ({
      peer: { host: '127.0.0.1', port: peer, secret },
      listen: { kind: 'address', address: '127.0.0.1', port: listen } as const,
    })
    const databasePath = join(temporaryDirectory(), 'registry.db')
    startStandby = async () => {
      const running = await becomeStandby({
        ...{ databasePath, caPem, commandSocket: undefined, webhooks: undefined, pair: side(other, one) },
        ...{ clock: systemClock, log: silentLog },
      })
      if (!running) throw new Error('it serves')
      return running
    }
    started = await startRegistryPage({}, { pair: side(one, other) })
    await started.signIn()
  })
  afterAll(async () => {
    await standby?.[Symbol.asyncDispose]()
    await started?.[Symbol.asyncDispose]()
  })

  const section = () => started.page.getByRole('region', { name: 'Standby' })
  const banner = () => started.page.getByText('nobody can join or be shut out')

  test('says that there is none yet, and when it has everything', async () => {
    await started.open('registry')
    await section().getByText('also what only this machine has').waitFor()
    standby = await startStandby()
    await section().getByText('It is connected, and has everything.').waitFor()
    await section().getByText('only what the standby has stored, too').waitFor()
    expect(await banner().count()).toBe(0)
    await started.screenshot('pair')
  })

  test('warns on every view within seconds when it is away, and no more when it is back', async () => {
    await started.open('machines')
    await standby[Symbol.asyncDispose]()
    await banner().waitFor({ timeout: SOON_MS })
    expect(await started.accessibilityProblems()).toEqual([])
    await started.page.emulateMedia({ colorScheme: 'dark' })
    expect(await started.accessibilityProblems()).toEqual([])
    await started.screenshot('standby-away')
    standby = await startStandby()
    await banner().waitFor({ state: 'detached', timeout: 2 * SOON_MS })
  })

  test('goes on without it, after a confirmation that says what that means', async () => {
    await standby[Symbol.asyncDispose]()
    await banner().waitFor()
    await started.page.getByRole('link', { name: 'More' }).click()
    await section().getByRole('button', { name: 'Go on without it…' }).click()
    await started.page.getByRole('dialog').getByText('must not be promoted').waitFor()
    expect(await started.accessibilityProblems()).toEqual([])
    await started.page.getByRole('dialog').getByRole('button', { name: 'Drop it' }).click()
    await section().getByText('also what only this machine has').waitFor()
    await banner().waitFor({ state: 'detached' })
    await started.open('audit')
    await started.page.getByText('had the registry go on without its standby').first().waitFor()
    expect(started.problems).toEqual([])
  })
})
