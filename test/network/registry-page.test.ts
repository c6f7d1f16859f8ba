import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import type { MadeInvitation } from '../../src/registry/api/schemas/invitations.ts'
import { hasChromium } from '../support/chromium.ts'
import { ADMINISTRATOR, type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { vectors } from '../support/vectors.ts'

const pki = vectors<{ csr: Record<string, string> }>('pki.json')
const VIEWS =
  'network machines invitations keys authority configuration registry audit tokens administrators'.split(' ')

/** The main ways of an administrator, with the registry itself and a real browser. */
describe.skipIf(!hasChromium)('the page of the registry in Chromium', () => {
  let started: RegistryPage
  let page: Page

  beforeAll(async () => {
    started = await startRegistryPage()
    page = started.page
  })
  afterAll(() => started?.[Symbol.asyncDispose]())

  const open = (view: string) => started.open(view)
  const screenshot = (name: string) => started.screenshot(name)
  const accessibilityProblems = () => started.accessibilityProblems()

  test('a wrong password is refused, the right one signs in', async () => {
    await page.getByLabel('Name').fill(ADMINISTRATOR.name)
    await page.getByLabel('Password').fill('wrong')
    expect(await accessibilityProblems()).toEqual([])
    await screenshot('sign-in')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Password').fill(ADMINISTRATOR.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: /^Network/ }).waitFor()
  })

  test('an invitation says what it does, and is shown once: as a link, a line to run, and a QR code', async () => {
    await open('invitations')
    await page.getByLabel('Name').fill('laptop')
    await page.getByRole('button', { name: 'Invite…' }).click()
    await page.getByRole('dialog').getByText('may join with one machine').waitFor()
    expect(await accessibilityProblems()).toEqual([])
    await page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
    const made = page.getByRole('region', { name: 'New invitation' })
    await made.getByText('re6st join --registry').waitFor()
    await made.getByRole('img', { name: 'QR code of the link' }).waitFor()
    await screenshot('invited')
    const link = (await made.getByRole('link').getAttribute('href')) ?? ''
    const token = new URL(link).hash.slice(1)
    expect(
      await new RegistryClient(started.registry.url).requestCertificate({
        token,
        csr: pki.csr['node-a'] ?? '',
      }),
    ).toBeDefined()
  })

  test('the machine that has joined is found by name and by address, and shows its history', async () => {
    await open('machines')
    await page.getByLabel('Search').fill('laptop')
    const found = page.getByRole('row', { name: /laptop/ })
    await found.waitFor()
    await found.getByRole('button').click()
    const panel = page.getByRole('region', { name: /^Machine / })
    await panel.getByText('enrolled').waitFor()
    const address = (await panel.locator('dt:text-is("Address") + dd').textContent()) ?? ''
    await page.getByLabel('Search').fill(address)
    await page.getByText('1 machine', { exact: true }).waitFor()
    await page.getByLabel('Search').fill('nobody')
    await page.getByText('0 machines').waitFor()
    await page.getByLabel('Search').fill('')
    await found.waitFor()
    await screenshot('machines')
  })

  test('the keyboard is where something opens, and where it was when that is closed', async () => {
    await page.reload()
    await open('machines')
    const focused = () => page.evaluate('document.activeElement.textContent') as Promise<string>
    const row = page.getByRole('row', { name: /laptop/ }).getByRole('button')
    const label = (await row.textContent()) ?? ''
    await row.press('Enter')
    const panel = page.getByRole('region', { name: /^Machine / })
    await panel.getByText('enrolled').waitFor()
    await expect.poll(focused).toBe(await panel.getByRole('heading', { level: 2 }).textContent())
    for (const close of ['Escape', 'Enter']) {
      await panel.getByRole('button', { name: 'Revoke…' }).press('Enter')
      await page.getByRole('dialog').waitFor()
      // On what does nothing.
      await expect.poll(focused).toBe('Cancel')
      await page.keyboard.press(close)
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await expect.poll(focused).toBe('Revoke…')
    }
    await panel.getByRole('button', { name: 'Close' }).press('Enter')
    await panel.waitFor({ state: 'detached' })
    await expect.poll(focused).toBe(label)
  })

  test('the table is filtered by state and community, and sorted by a click', async () => {
    await open('machines')
    const count = (text: string) => page.getByText(text, { exact: true }).waitFor()
    await count('1 machine')
    for (const [state, machines] of [
      ['never-seen', '1 machine'],
      ['offline', '0 machines'],
      ['expiring', '0 machines'],
      ['outdated', '0 machines'],
    ] as const) {
      await page.getByLabel('State').selectOption(state)
      await count(machines)
    }
    await page.getByLabel('State').selectOption('')
    await page.getByLabel('Community').fill('1')
    await count('0 machines')
    await page.getByLabel('Community').fill('0')
    await count('1 machine')
    await page.getByLabel('Community').fill('France')
    await count('1 machine. A community is bits, like 0101: this is none')
    await page.getByLabel('Community').fill('')
    const serial = page.getByRole('columnheader', { name: 'Serial' })
    for (const order of ['ascending', 'descending'] as const) {
      await serial.getByRole('button').click()
      await expect.poll(() => serial.getAttribute('aria-sort')).toBe(order)
    }
  })

  const exported = async (format: 'CSV' | 'JSON') => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: `Export ${format}` }).click(),
    ])
    return readFileSync(await download.path(), 'utf8')
  }

  test('the table is exported', async () => {
    const machines: unknown = JSON.parse(await exported('JSON'))
    expect(machines).toEqual([
      expect.objectContaining({ machineName: 'laptop', state: 'never-seen', serial: 1 }),
    ])
    const text = await exported('CSV')
    expect(text.split('\r\n')[0]).toBe(
      'name,machineName,email,state,subnet,address,serial,notAfter,lastSeen,version,platform,community,country',
    )
    expect(text).toContain(',laptop,')
  })

  test('the map shows it within seconds, without being loaded again', async () => {
    await open('network')
    await page.getByRole('button', { name: 'Table' }).click()
    await page.getByRole('row', { name: /laptop/ }).waitFor()
    await screenshot('map-table')
    await page
      .getByRole('row', { name: /laptop/ })
      .getByRole('button')
      .click()
    await page.getByRole('region', { name: /^Machine / }).waitFor()
    await page.getByRole('button', { name: 'Graph' }).click()
    await page.getByRole('img', { name: /^Map of/ }).waitFor()
    await screenshot('map')
  })

  test('the keys are rotated one step, which is said before', async () => {
    await open('keys')
    await page.getByText('Step: idle').waitFor()
    await page.getByRole('button', { name: 'Announce a new key…' }).click()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Announce/ })
      .click()
    await page.getByText(/Step: (beginning|announced)/).waitFor()
    await screenshot('keys')
  })

  test('it says which machines have the present certificate of the authority', async () => {
    await open('authority')
    await page.locator('.numbers div', { hasText: 'have it' }).getByText('1', { exact: true }).waitFor()
    const present = page.getByRole('region', { name: 'Present certificate' })
    await present.getByText(/^sha256:/).waitFor()
    await screenshot('authority')
  })

  test('the configuration is changed after a look at what each node does with it', async () => {
    await open('configuration')
    const heading = page.getByRole('heading', { name: /^Configuration/ })
    const before = await heading.textContent()
    await page.getByLabel('Hello').fill('5')
    await page.getByRole('button', { name: 'Preview…' }).click()
    await page.getByRole('dialog').getByText('15 → 5').waitFor()
    await screenshot('preview')
    await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click()
    await expect.poll(() => heading.textContent()).not.toBe(before)
    expect(await page.getByLabel('Hello').inputValue()).toBe('5')
  })

  test('a form asks for what it wants in its own words, and sends nothing else', async () => {
    await open('configuration')
    for (const [label, wrong, right, example] of [
      ['IPv4', '10.0.0.0/8, many', ' 10.42.0.0/16 , 8', 'like 10.42.0.0/16, 8'],
      ['IPv4', '10.0.0.0/8', '', 'like 10.42.0.0/16, 8'],
      ['Same country', 'France', 'fr, DE it', 'like FR, DE'],
      ['Same country', 'F R', '', 'like FR, DE'],
    ] as const) {
      const field = page.getByLabel(label)
      const refused = page.locator('input:invalid')
      const before = await field.inputValue()
      await field.fill(wrong)
      await page.getByRole('button', { name: 'Preview…' }).click()
      expect([await refused.count(), await refused.getAttribute('title')]).toEqual([1, example])
      expect(await page.getByRole('alert').count()).toBe(0)
      await field.fill(right)
      expect(await refused.count()).toBe(0)
      await field.fill(before)
    }
  })

  test('one certificate of a machine is revoked by its serial, after a confirmation', async () => {
    await open('machines')
    await page
      .getByRole('row', { name: /laptop/ })
      .getByRole('button')
      .click()
    const panel = page.getByRole('region', { name: /^Machine / })
    await panel.getByRole('button', { name: 'Revoke certificate 1…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await panel.getByText(/^1, until .*, revoked/).waitFor()
  })

  test('a machine is revoked only after a confirmation', async () => {
    await open('machines')
    await page
      .getByRole('row', { name: /laptop/ })
      .getByRole('button')
      .click()
    await page.getByRole('button', { name: 'Revoke…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Revoke…' }).click()
    // It was the first one to join.
    await page.getByRole('dialog').getByText('the node of the registry itself').waitFor()
    await screenshot('revoke')
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect.poll(() => page.getByRole('row', { name: /laptop/ }).count()).toBe(0)
  })

  test('the audit log has all of it, and is whole', async () => {
    await open('audit')
    const entries = page.getByRole('list', { name: 'Entries' }).locator('> li')
    for (const words of ['invited 1 machine called laptop', 'revoked the machine 0/', 'Hello 15 → 5 seconds'])
      await entries.filter({ hasText: words }).first().waitFor()
    await page.getByText(/^Whole:/).waitFor()
    const invited = entries.filter({ hasText: 'invited 1 machine called laptop' }).first()
    expect(await invited.locator('pre').isVisible()).toBe(false)
    await invited.getByText('As it is stored').click()
    await invited.locator('pre', { hasText: '"action": "invitation.made"' }).waitFor()
    expect(await accessibilityProblems()).toEqual([])
    await page.getByLabel('What').selectOption('machine revoked')
    await expect.poll(() => entries.count()).toBe(1)
    await page.getByLabel('Who').fill('nobody')
    await page.getByText('No entry is like that.').waitFor()
    await page.getByRole('button', { name: 'Show all' }).click()
    await entries.filter({ hasText: 'signed in with a password' }).first().waitFor()
    expect(await page.title()).toBe('Audit log – re6stnet registry')
    await screenshot('audit')
  })

  test('a token of a program is shown once', async () => {
    await open('tokens')
    await page.getByLabel('What for').fill('monitoring')
    await page.getByRole('button', { name: 'Make…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click()
    const secret = (await page.getByRole('region', { name: 'New token' }).locator('pre').textContent()) ?? ''
    const answer = await fetch(`${started.base}/api/v1/network`, {
      headers: { authorization: `Bearer ${secret}` },
    })
    expect(answer.status).toBe(200)
  })

  test('an administrator is added, and disabled', async () => {
    await open('administrators')
    await page.getByLabel('Name', { exact: true }).fill('bob')
    await page.getByRole('button', { name: 'Add…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click()
    const password = page.getByRole('region', { name: 'Password of bob' })
    const text = (await password.locator('pre').textContent()) ?? ''
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await password.getByRole('button', { name: 'Copy the password' }).click()
    await password.getByRole('button', { name: 'Copied the password' }).waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(text)
    const bob = page.getByRole('listitem').filter({ hasText: 'bob' })
    await bob.getByRole('button', { name: 'Disable…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
    await bob.getByText(/disabled/).waitFor()
    await screenshot('administrators')
  })

  test('a machine that joins now is on the map soon, and the page is not loaded again', async () => {
    await open('invitations')
    await page.getByLabel('Name').fill('server')
    await page.getByRole('button', { name: 'Invite…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
    const link = page.getByRole('region', { name: 'New invitation' }).getByRole('link')
    const token = new URL((await link.getAttribute('href')) ?? '').hash.slice(1)
    await open('network')
    await page.getByText('Live: changes are shown').waitFor()
    await new RegistryClient(started.registry.url).requestCertificate({ token, csr: pki.csr['node-b'] ?? '' })
    await page.getByRole('img', { name: 'Map of 1 node ' }).waitFor()
    await page.getByRole('button', { name: 'Table' }).click()
    await page.getByRole('row', { name: /server/ }).waitFor()
  })

  const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } } as const

  test.each([
    ['light', 'desktop'],
    ['dark', 'desktop'],
    ['light', 'phone'],
    ['dark', 'phone'],
  ] as const)('axe-core finds nothing in any view, and each fits (%s, %s)', async (colorScheme, size) => {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(SIZES[size])
    const look = async (what: string) => {
      expect(await accessibilityProblems(), what).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth'), what).toBeLessThanOrEqual(
        SIZES[size].width,
      )
      await screenshot(`${what}-${colorScheme}-${size}`)
    }
    for (const view of VIEWS) {
      await open(view)
      await look(view)
    }
    await open('network')
    await page.getByRole('button', { name: 'Table' }).click()
    await look('map-table')
    await open('machines')
    await page
      .getByRole('row', { name: /server/ })
      .getByRole('button')
      .click()
    await page
      .getByRole('region', { name: /^Machine / })
      .getByText('enrolled')
      .waitFor()
    const heading = page.getByRole('region', { name: /^Machine / }).getByRole('heading', { level: 2 })
    await expect
      .poll(async () => ((await heading.boundingBox())?.y ?? -1) / SIZES[size].height)
      .toSatisfy((part: number) => part >= 0 && part < 0.6)
    await look('machine')
    await page.getByRole('button', { name: 'Revoke…' }).click()
    await page.getByRole('dialog').waitFor()
    await look('dialog')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  })

  /** Made by the session of the browser. */
  const invite = (body: object) =>
    page.evaluate(
      `fetch('/api/v1/session').then((answer) => answer.json()).then(({ csrfToken }) => fetch('/api/v1/invitations', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': csrfToken },
        body: ${JSON.stringify(JSON.stringify(body))},
      })).then((answer) => answer.json())`,
    ) as Promise<MadeInvitation>

  test('an invitation’s link is a page for everybody that says what to install and run', async () => {
    await page.goto(`${started.base}/enrol#secret-token`)
    await page.getByText('--token secret-token').waitFor()
    for (const [colorScheme, size] of [
      ['light', 'desktop'],
      ['dark', 'phone'],
    ] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize(SIZES[size])
      expect(await accessibilityProblems(), colorScheme).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
        SIZES[size].width,
      )
      await screenshot(`enrol-${size}`)
    }
    await page.getByText('This invitation cannot be used').waitFor()
    const unusable = await page.getByRole('alert').count()
    const { token } = await invite({ uses: 2 })
    // In the same tab, that is the same page.
    await page.goto(`${started.base}/enrol#${token}`)
    await page.getByText(/^You are invited, with 2 machines, until/).waitFor()
    expect([unusable, await page.getByRole('alert').count()]).toEqual([1, 0])
    await page.goto(`${started.base}/enrol#x;reboot`)
    await page.getByText(/^re6st join/).waitFor()
    expect(await page.locator('main').textContent()).not.toContain('reboot')
  })

  test('who signs out is out', async () => {
    await page.goto(started.base)
    // On a phone, one finds it in the menu.
    await page.getByRole('button', { name: 'Menu' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    // Dark, and on a phone.
    expect(await accessibilityProblems()).toEqual([])
  })

  test('nothing failed in the browser, and nothing was against its policy', () => {
    expect(started.problems).toEqual([])
  })
})
