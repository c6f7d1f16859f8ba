import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { hasChromium } from '../support/chromium.ts'
import { type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { vectors } from '../support/vectors.ts'

const csr = vectors<{ csr: Record<string, string> }>('pki.json').csr['node-a'] ?? ''

/** What is kept of the map in this browser, opened with the key that the registry tells to who has signed in. */
const OPENED = `fetch('/api/v1/session').then((answer) => answer.json()).then(async ({ storageKey }) => {
  const octets = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0))
  const sealed = octets(localStorage.getItem('map'))
  const key = await crypto.subtle.importKey('raw', octets(storageKey), 'AES-GCM', false, ['decrypt'])
  const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.slice(0, 12) }, key, sealed.slice(12))
  return JSON.parse(new TextDecoder().decode(opened))
})`

describe.skipIf(!hasChromium)('the map of the registry’s page in Chromium', () => {
  let started: RegistryPage
  let page: Page

  beforeAll(async () => {
    started = await startRegistryPage()
    page = started.page
    await started.signIn()
  })
  afterAll(() => started?.[Symbol.asyncDispose]())

  const kept = () => page.evaluate("localStorage.getItem('map')") as Promise<string | null>
  /** A machine joins, and a place is found for it. */
  const join = async () => {
    const before = await kept()
    await new RegistryClient(started.registry.url).requestCertificate({ token: '', csr })
    await expect.poll(kept).not.toBe(before)
    return new Map(
      ((await page.evaluate(OPENED)) as [string, number, number][]).map(([id, ...place]) => [id, place]),
    )
  }

  test('nodes stay where they are when somebody has signed out and in again, and what is left says nothing of them', async () => {
    for (let machine = 0; machine < 4; machine++) await join()
    const before = await join()
    expect(before.size).toBe(5)
    // As the version before kept it.
    const [machine = ''] = before.keys()
    await page.evaluate(`localStorage.setItem('registry', ${JSON.stringify(machine)})`)
    await page.evaluate(`location.hash = 'network?machine=' + encodeURIComponent(${JSON.stringify(machine)})`)
    await page.getByRole('region', { name: /^Machine / }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(new URL(page.url()).hash).toBe('')
    const left = JSON.stringify(await page.evaluate('[{ ...localStorage }, { ...sessionStorage }]'))
    for (const id of before.keys()) expect(left).not.toContain(id)
    await page.reload()
    await started.signIn()
    await page.getByRole('img', { name: 'Map of 5 nodes ' }).waitFor()
    const after = await join()
    expect(after.size).toBe(6)
    for (const [id, place] of before) expect(after.get(id)).toEqual(place)
  })

  test('what cannot be opened is no failure: places are found anew', async () => {
    await page.evaluate("localStorage.setItem('map', 'bm90IHNlYWxlZCBieSB0aGlzIHJlZ2lzdHJ5')")
    await page.reload()
    await page.getByRole('img', { name: 'Map of 6 nodes ' }).waitFor()
    await expect.poll(async () => ((await page.evaluate(OPENED).catch(() => [])) as unknown[]).length).toBe(6)
  })

  test('a browser that encrypts nothing, as without TLS, shows it all the same, and keeps nothing', async () => {
    const other = await page.context().newPage()
    await other.addInitScript("Object.defineProperty(crypto, 'subtle', { value: undefined })")
    const before = await kept()
    await other.goto(started.base)
    await other.getByRole('img', { name: 'Map of 6 nodes ' }).waitFor()
    expect(await other.evaluate('crypto.subtle')).toBeUndefined()
    expect(await kept()).toBe(before)
    await other.close()
  })

  test('colours and shapes say how old certificates are, and how long they have left', async () => {
    const legend = page.getByRole('list', { name: 'Legend' })
    await page.getByLabel('Colour by').selectOption('age of certificates')
    await legend.getByText('less than 7 days old 6').waitFor()
    await page.getByLabel('Colour by').selectOption('days left of certificates')
    await legend.getByText('30 days left or more 6').waitFor()
    await page.getByRole('button', { name: 'Table' }).click()
    const until = page.getByRole('columnheader', { name: 'Certificate until' })
    await page.getByRole('columnheader', { name: 'Certificate from' }).getByRole('button').click()
    await until.waitFor()
    const days = (await page.getByRole('cell').allTextContents()).filter((text) => /^\d{4}-/.test(text))
    const today = new Date().toISOString().slice(0, 8)
    expect(days.filter((day) => day.startsWith(today)).length).toBeGreaterThan(0)
  })

  test('nothing failed in the browser, and nothing was against its policy', () => {
    expect(started.problems).toEqual([])
  })
})
