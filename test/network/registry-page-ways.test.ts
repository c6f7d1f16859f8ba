import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { hasChromium } from '../support/chromium.ts'
import { type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { vectors } from '../support/vectors.ts'

const pki = vectors<{ csr: Record<string, string> }>('pki.json')
const VIEWS =
  'network machines invitations keys authority configuration registry audit tokens administrators'.split(' ')
/** Of what is touched, by the smaller of its sides (WCAG 2.2, 2.5.5), in pixels. */
const FINGER = 44

/** How one gets about on the page, with each of what one may have: a keyboard, a phone, an address, a button Back. */
describe.skipIf(!hasChromium)('ways on the page of the registry in Chromium', () => {
  let started: RegistryPage
  let page: Page

  beforeAll(async () => {
    started = await startRegistryPage()
    page = started.page
    await started.signIn()
    const client = new RegistryClient(started.registry.url)
    for (const csr of ['node-a', 'node-b'])
      await client.requestCertificate({ token: '', csr: pki.csr[csr] ?? '' })
  })
  afterAll(() => started?.[Symbol.asyncDispose]())

  const focused = () => page.evaluate('document.activeElement.textContent') as Promise<string>
  const panel = () => page.getByRole('region', { name: /^Machine / })
  const rows = () => page.getByRole('region', { name: 'Machines' }).getByRole('row').count()

  test('the menu has one line where there is room, and names who is signed in', async () => {
    await page.setViewportSize({ width: 1280, height: 800 })
    const tops = await page
      .getByRole('navigation')
      .getByRole('link')
      .evaluateAll((links) => links.map((link) => Math.round(link.getBoundingClientRect().top)))
    expect(tops).toHaveLength(VIEWS.length)
    expect(new Set(tops).size).toBe(1)
    const bar = await page.locator('header.top').boundingBox()
    expect(bar?.height).toBeLessThan(60)
  })

  test('what is searched, filtered, sorted and looked at is in the address: a reload leads to the same', async () => {
    await started.open('machines')
    await page.getByLabel('Search').fill('0/32')
    await page.getByLabel('State').selectOption('never seen')
    await page.getByRole('columnheader', { name: 'Serial' }).getByRole('button').click()
    await page.getByRole('columnheader', { name: 'Serial' }).getByRole('button').click()
    await expect.poll(() => page.url()).toMatch(/#machines\?.*search=0%2F32/)
    await page.reload()
    expect(await page.getByLabel('Search').inputValue()).toBe('0/32')
    expect(await page.getByLabel('State').inputValue()).toBe('never-seen')
    const serial = page.getByRole('columnheader', { name: 'Serial' })
    await expect.poll(() => serial.getAttribute('aria-sort')).toBe('descending')
    await page.getByRole('button', { name: 'Show all' }).click()
    await page.getByText('2 machines', { exact: true }).waitFor()
    expect(await page.getByLabel('Search').inputValue()).toBe('')
  })

  test('the button Back closes a machine, and leads to the view before, as it was', async () => {
    await started.open('machines')
    await page.getByLabel('State').selectOption('never seen')
    await page.getByText('2 machines', { exact: true }).waitFor()
    await page.getByRole('row').nth(1).getByRole('button').click()
    await panel().getByText('enrolled').waitFor()
    await page.goBack()
    await panel().waitFor({ state: 'detached' })
    await started.open('keys')
    await page.goBack()
    await page.getByRole('heading', { name: 'Machines', level: 1 }).waitFor()
    expect(await page.getByLabel('State').inputValue()).toBe('never-seen')
    await page.goForward()
    await page.getByRole('heading', { name: 'MAC keys' }).waitFor()
  })

  test('an address leads to a machine, which is there when it is loaded', async () => {
    await started.open('machines')
    await page.getByText('2 machines', { exact: true }).waitFor()
    await page.getByRole('row').nth(1).getByRole('button').click()
    const name = (await panel().getByRole('heading', { level: 2 }).textContent()) ?? ''
    const other = await page.context().newPage()
    await other.goto(page.url())
    await other
      .getByRole('region', { name: `Machine ${name}` })
      .getByText('enrolled')
      .waitFor()
    await other.close()
  })

  test('the numbers of the network lead to the machines that they count', async () => {
    await started.open('network')
    await page.locator('.numbers div', { hasText: 'never seen' }).getByRole('link').click()
    await page.getByRole('heading', { name: 'Machines', level: 1 }).waitFor()
    expect(await page.getByLabel('State').inputValue()).toBe('never-seen')
    await page.getByText('2 machines', { exact: true }).waitFor()
  })

  test('an empty table says why, and leads out of it', async () => {
    await page.getByLabel('Search').fill('nobody')
    await page.getByText('No machine is like that.').waitFor()
    expect(await started.accessibilityProblems()).toEqual([])
    await page.getByRole('button', { name: 'Show all' }).click()
    await expect.poll(rows).toBe(3)
  })

  test('what is seen was asked for again: another machine is in the table by itself', async () => {
    await started.open('machines')
    await page.getByText('2 machines', { exact: true }).waitFor()
    await new RegistryClient(started.registry.url).requestCertificate({
      token: '',
      csr: pki.csr['node-c'] ?? pki.csr['node-a'] ?? '',
    })
    await page.getByText('3 machines', { exact: true }).waitFor()
  })

  test('another view begins at its heading, also for the keyboard; the menu can be skipped', async () => {
    await started.open('keys')
    await page.getByRole('link', { name: 'Tokens' }).press('Enter')
    await expect.poll(focused).toBe('Tokens of programs')
    await page.reload()
    await page.getByRole('heading', { name: 'Tokens of programs' }).waitFor()
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await focused()).toBe('Tokens of programs')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.name')).toBe('label')
  })

  test('what was done is said, and what is shown once has the keyboard, until it is not needed', async () => {
    await started.open('tokens')
    await page.getByLabel('What for').fill('monitoring')
    await page.getByRole('button', { name: 'Make…' }).click()
    await page.getByRole('dialog').getByText('see everything, and change nothing').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click()
    await page.getByRole('status').getByText('The token for monitoring is made.').waitFor()
    await expect.poll(focused).toBe('The token, shown once')
    expect(await started.accessibilityProblems()).toEqual([])
    const token = page.getByRole('region', { name: 'New token' })
    await token.getByRole('button', { name: 'Done' }).click()
    await token.waitFor({ state: 'detached' })
  })

  test('a node is found on the map by its name, without a mouse', async () => {
    await started.open('network')
    await page.getByRole('img', { name: /^Map of 3 nodes/ }).waitFor()
    await page.getByLabel('Find a node').fill('nobody')
    await page.keyboard.press('Enter')
    await page.getByText('No node is called that.').waitFor()
    const name = await page.evaluate(
      "fetch('/api/v1/machines').then((answer) => answer.json()).then(({ items }) => items[1].name)",
    )
    await page.getByLabel('Find a node').fill(String(name))
    await page
      .getByRole('region', { name: `Machine ${name}` })
      .getByText('enrolled')
      .waitFor()
    expect(page.url()).toContain(`machine=${encodeURIComponent(String(name))}`)
    await page.getByRole('listitem').filter({ hasText: 'way from the registry' }).waitFor()
    await page.reload()
    await page
      .getByRole('region', { name: `Machine ${name}` })
      .getByText('enrolled')
      .waitFor()
  })

  test('times are those of the browser, and how far they are; in UTC for who points at them', async () => {
    await started.open('registry')
    const since = page.locator('dt:text-is("Running since") + dd time')
    const at = new Date((await since.getAttribute('datetime')) ?? '')
    const utc = at.toISOString().slice(0, 16).replace('T', ' ')
    await expect.poll(() => since.textContent()).toMatch(new RegExp(`^${utc} \\(.*(just now|ago)\\)$`))
    expect(await since.getAttribute('title')).toBe(`${utc} UTC`)
    await page.getByText('Times are those of this browser: UTC.').waitFor()
  })

  test.each([
    ['the registry is away (502)', { status: 502, body: 'Bad gateway' }],
    // In place of the registry, somebody else answers, or half of an answer has come.
    ['the registry does not answer', { status: 200, body: '<!doctype html>' }],
    ['the registry does not answer', { status: 200, body: '{"authority":' }],
  ])('a registry that is away is asked again, until it is there: %s', async (words, answer) => {
    await started.open('keys')
    await page.route('**/api/v1/authority', (route) => route.fulfill(answer))
    await started.open('authority')
    await page.getByRole('alert').getByText(`${words}; asking again…`).waitFor()
    await page.unroute('**/api/v1/authority')
    await page.getByRole('region', { name: 'Present certificate' }).waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('as long as nothing is known, it says that it asks, and nothing else', async () => {
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    await page.route('**/api/v1/machines?*', async (route) => {
      await held
      await route.continue()
    })
    await started.open('machines')
    await page.getByRole('status').getByText('Asking the registry…').waitFor()
    expect(await page.getByText('0 machines').count()).toBe(0)
    answer()
    await page.getByText('3 machines', { exact: true }).waitFor()
    await page.unroute('**/api/v1/machines?*')
  })

  test('on paper, a table has all of its rows, and there is nothing to click on', async () => {
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByRole('navigation').isVisible()).toBe(false)
    expect(await page.getByRole('button', { name: 'Export CSV' }).isVisible()).toBe(false)
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    await expect.poll(rows).toBe(4)
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await page.emulateMedia({ media: 'screen' })
  })

  test('a machine that is not on the map, or not any more, is shown all the same, or why not', async () => {
    await started.open('network')
    await page.getByRole('img', { name: /^Map of 3 nodes/ }).waitFor()
    await page.evaluate("location.hash = 'network?machine=99%2F32'")
    const gone = page.getByRole('region', { name: 'Machine 99/32' })
    await gone.getByRole('alert').getByText('there is no machine 99/32').waitFor()
    await gone.getByRole('button', { name: 'Close' }).click()
    await gone.waitFor({ state: 'detached' })
  })

  test('what is known of a machine is asked for again while it is looked at', async () => {
    await started.open('machines')
    await page.getByRole('row').nth(2).getByRole('button').click()
    const revoke = panel().getByRole('button', { name: /^Revoke certificate/ })
    const serial = /\d+/.exec((await revoke.textContent()) ?? '')?.[0]
    await page.evaluate(async (given) => {
      const session = (await (await fetch('/api/v1/session')).json()) as { csrfToken: string }
      await fetch('/api/v1/revocations', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrfToken },
        body: JSON.stringify({ serial: given }),
      })
    }, Number(serial))
    await panel()
      .getByText(new RegExp(`^${serial}, until .*, revoked`))
      .waitFor()
  })

  test('the numbers of the network are asked for again, also when nothing on the map changes', async () => {
    const asked = () => page.waitForResponse((response) => response.url().endsWith('/api/v1/network'))
    await started.open('network')
    for (let time = 0; time < 4; time++) expect((await asked()).status()).toBe(200)
  })

  test('on a phone, the menu opens by a button, and closes when one goes somewhere', async () => {
    await page.setViewportSize({ width: 390, height: 844 })
    const menu = page.getByRole('button', { name: 'Menu' })
    const links = page.getByRole('navigation').getByRole('link')
    expect(await links.first().isVisible()).toBe(false)
    await menu.click()
    expect(await menu.getAttribute('aria-expanded')).toBe('true')
    expect(await started.accessibilityProblems()).toEqual([])
    await page.keyboard.press('Escape')
    expect(await links.first().isVisible()).toBe(false)
    await menu.click()
    await page.getByRole('link', { name: 'Audit log' }).click()
    await page.getByRole('heading', { name: 'Audit log' }).waitFor()
    expect(await links.first().isVisible()).toBe(false)
  })

  test.each(VIEWS)('on a phone, what is touched in %s is as large as a finger', async (view) => {
    await started.open(view)
    await page.getByText('Asking the registry…').first().waitFor({ state: 'detached' })
    const small = await page.locator('main').evaluate(
      (main, finger) =>
        [...main.querySelectorAll('button, input, select, summary')].flatMap((one) => {
          // Of a checkbox, its label is touched, too.
          const { width, height } = (
            one.matches('[type=checkbox]') ? (one.closest('label') ?? one) : one
          ).getBoundingClientRect()
          return height === 0 || Math.min(width, height) >= finger
            ? []
            : [`${one.outerHTML.slice(0, 80)}: ${width} by ${height}`]
        }),
      FINGER,
    )
    expect(small).toEqual([])
  })

  test('nothing failed in the browser, and nothing was against its policy', () => {
    expect(started.problems.filter((problem) => !/502|404/.test(problem))).toEqual([])
  })
})
