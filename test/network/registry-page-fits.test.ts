import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import type { Prefix } from '../../src/core/values/prefix.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { hasChromium } from '../support/chromium.ts'
import { type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { vectors } from '../support/vectors.ts'

const pki = vectors<{ csr: Record<string, string> }>('pki.json')
const DAY_MS = 24 * 3600_000
/** Of A4 at 96 dots an inch. */
const SHEET = { width: 794, height: 1123 }
const PHONE = { width: 360, height: 740 }
/** As long as a name may be. */
const LONG_NAME = `${'a.very.long.name'.repeat(3)}@example.com`.slice(0, 64)

/** What is long, narrow, on paper, or not for everybody. */
describe.skipIf(!hasChromium)('the page of the registry in Chromium fits', () => {
  let aheadMs = 0
  let started: RegistryPage
  let page: Page
  const online: Prefix[] = []

  beforeAll(async () => {
    started = await startRegistryPage({
      clock: { ...systemClock, now: () => Date.now() + aheadMs },
      reachable: () => ({ list: async () => online }),
    })
    page = started.page
    // The first one has hardly two weeks left.
    aheadMs = -350 * DAY_MS
    for (const csr of ['node-a', 'node-b'] as const) {
      const pem = await new RegistryClient(started.registry.url).requestCertificate({
        token: '',
        csr: pki.csr[csr] ?? '',
      })
      aheadMs = 0
      const certificate = readNodeCertificate(pem ?? '')
      if (!certificate.ok) throw new Error(certificate.reason)
      if (csr === 'node-b') online.push(certificate.value.prefix)
    }
    await started.signIn()
  })
  afterAll(() => started?.[Symbol.asyncDispose]())

  const rows = () => page.getByRole('region', { name: 'Machines' }).getByRole('row')
  const width = () => page.evaluate('document.documentElement.scrollWidth') as Promise<number>

  test('of a machine that is there it is said so, and which certificate ends soon is seen in the table', async () => {
    await started.open('machines')
    const [soon, there] = [rows().nth(1), rows().nth(2)]
    await soon.locator('.warn', { hasText: /\(in 1\d days\)/ }).waitFor()
    expect(await there.locator('td .warn').count()).toBe(0)
    await there.getByText('now', { exact: true }).waitFor()
    await there.getByRole('button').click()
    const panel = page.getByRole('region', { name: /^Machine / })
    await panel.locator('dt:text-is("Last seen") + dd', { hasText: /^now/ }).waitFor()
    await panel.getByRole('button', { name: 'Close' }).click()
  })

  test('a long history is not scrolled in itself: what is earlier is shown to who asks for it', async () => {
    const at = (number: number) => new Date(Date.now() - number * 3600_000).toISOString()
    await page.route('**/history', (route) =>
      route.fulfill({
        json: {
          events: Array.from({ length: 60 }, (_, number) => ({
            ...{ at: at(number), kind: number % 2 ? 'lost' : 'seen' },
          })),
          availability: Array.from({ length: 90 }, (_, number) => ({
            ...{ day: at(24 * (89 - number)).slice(0, 10), share: number % 2 ? 1 : 0.5 },
          })),
        },
      }),
    )
    await rows().nth(1).getByRole('button').click()
    const panel = page.getByRole('region', { name: /^Machine / })
    await panel.getByText('Earlier (50)').click()
    await panel.getByText('Days on which it was missed (45)').click()
    expect(await panel.getByText('was there again').last().isVisible()).toBe(true)
    expect(await started.accessibilityProblems()).toEqual([])
    await panel.getByRole('button', { name: 'Close' }).click()
    await page.unroute('**/history')
  })

  test('on a sheet of paper a table has its head, and all of its width; and there is nothing to write into', async () => {
    await page.setViewportSize(SHEET)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const head = page.getByRole('region', { name: 'Machines' }).locator('thead')
    for (const title of ['Machine', 'State', 'Certificate until', 'Serial'])
      expect(await head.getByText(title, { exact: title !== 'Machine' }).isVisible(), title).toBe(true)
    expect(await width()).toBeLessThanOrEqual(SHEET.width)
    expect(await page.getByLabel('Search').isVisible()).toBe(false)
    expect(await page.evaluate('getComputedStyle(document.querySelector("h1")).color')).toBe(
      'rgb(27, 36, 48)',
    )
    await started.screenshot('paper')
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' })
  })

  test('on a phone, whose row it is stays in sight where the others are scrolled to', async () => {
    await page.setViewportSize(PHONE)
    const table = page.getByRole('region', { name: 'Machines' })
    const left = async () => (await rows().nth(1).getByRole('rowheader').boundingBox())?.x
    const before = await left()
    await table.evaluate((element) => element.scrollTo({ left: 400 }))
    await expect.poll(() => table.evaluate((element) => element.scrollLeft)).toBeGreaterThan(100)
    expect(await left()).toBe(before)
  })

  test('an administrator with a long name fits on a phone', async () => {
    await started.open('administrators')
    await page.getByLabel('Name', { exact: true }).fill(LONG_NAME)
    await page.getByRole('button', { name: 'Add…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click()
    await page.getByRole('region', { name: `Password of ${LONG_NAME}` }).waitFor()
    expect(await page.getByLabel(`Role of ${LONG_NAME}`).inputValue()).toBe('look')
    expect(await width()).toBeLessThanOrEqual(PHONE.width)
    expect(await started.accessibilityProblems()).toEqual([])
    await started.screenshot('administrators-long')
  })

  test('an administrator who has lost the password gets another one, which is shown once', async () => {
    const shown = page.getByRole('region', { name: /^Password of/ })
    const before = await shown.locator('pre').textContent()
    await page.getByRole('button', { name: 'New password…' }).click()
    await page.getByRole('dialog').getByText('is refused from then on').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click()
    await expect.poll(() => shown.locator('pre').textContent()).not.toBe(before)
    expect(await width()).toBeLessThanOrEqual(PHONE.width)
  })

  test('who may only look is told so by the address of what is not for that role', async () => {
    const password = await page
      .getByRole('region', { name: /^Password of/ })
      .locator('pre')
      .textContent()
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.getByRole('button', { name: 'Sign out' }).click()
    // Who leaves leaves no address, either: it is cleared before anybody else is asked for a name.
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.evaluate("location.hash = 'tokens'")
    await page.getByLabel('Name').fill(LONG_NAME)
    await page.getByLabel('Password').fill(password ?? '')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('for the role administer only: you have the role look').waitFor()
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Tokens')
    expect(await page.getByRole('navigation').getByRole('link', { name: 'Tokens' }).count()).toBe(0)
    expect(await started.accessibilityProblems()).toEqual([])
    await started.open('machines')
    await rows().nth(1).getByRole('button').click()
    await page
      .getByRole('region', { name: /^Machine / })
      .getByText('enrolled')
      .waitFor()
    expect(await page.getByRole('button', { name: /Revoke/ }).count()).toBe(0)
  })

  test('who has tried too often is told how long to wait', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    const said = page.getByRole('alert')
    for (let attempt = 0; attempt < 12; attempt++) {
      await page.getByLabel('Name').fill('nobody')
      await page.getByLabel('Password').fill('not the password')
      const answered = page.waitForResponse((response) => response.url().endsWith('/api/v1/session'))
      await page.getByRole('button', { name: 'Sign in' }).click()
      await answered
    }
    await said.getByText(/^too many attempts to sign in: wait \d+ s$/).waitFor()
  })

  test('nothing failed in the browser, and nothing was against its policy', () => {
    expect(started.problems.filter((problem) => !/429/.test(problem))).toEqual([])
  })
})
