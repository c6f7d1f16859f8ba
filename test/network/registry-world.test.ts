import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../src/core/crypto/rsa.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { openGeoIp } from '../../src/registry/geoip.ts'
import { hasChromium } from '../support/chromium.ts'
import { type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { silentLog } from '../support/silent-log.ts'
import { vectors } from '../support/vectors.ts'

const pki = vectors<{ ca: string; csr: Record<string, string>; keys: Record<string, string> }>('pki.json')
/** Where MaxMind's test database knows places. */
const LONDON = ['81.2.69.142', '81.2.69.160'] as const
const LINKÖPING = '89.160.20.112'
const SEATTLE = '216.160.83.56'

/** A proxy of this machine, which says where calls come from. */
async function proxyFrom(address: string, target: string): Promise<Server> {
  const server = createServer((request, response) => {
    const headers = { ...request.headers, 'x-forwarded-for': address }
    httpRequest(new URL(request.url ?? '/', target), { headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    }).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

describe.skipIf(!hasChromium)('the map of the world in Chromium', () => {
  let started: RegistryPage
  let page: Page

  beforeAll(async () => {
    const cities = fileURLToPath(new URL('../vectors/maxmind/GeoIP2-City-Test.mmdb', import.meta.url))
    started = await startRegistryPage({ geoip: await openGeoIp(cities, silentLog) })
    page = started.page
    await started.signIn()
  })
  afterAll(() => started?.[Symbol.asyncDispose]())

  /** A machine joins, and calls the registry from there; undefined: it does not call. @returns its name */
  async function join(address: string | undefined): Promise<string> {
    const { url } = started.registry
    const pem = await new RegistryClient(url).requestCertificate({ token: '', csr: pki.csr['node-a'] ?? '' })
    const certificate = readNodeCertificate(pem ?? '')
    if (!certificate.ok) throw new Error(certificate.reason)
    const { prefix, subnetName } = certificate.value
    if (address === undefined) return subnetName
    const proxy = await proxyFrom(address, url)
    await new RegistryClient(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`, {
      prefix,
      caPublicKey: new X509Certificate(pki.ca).publicKey,
      decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
    }).getNetworkConfig()
    proxy.close()
    proxy.closeAllConnections()
    return subnetName
  }

  const spot = (title: string | RegExp) =>
    page.locator('.spot').filter({ has: page.locator('title', { hasText: title }) })
  const chosen = () => page.getByRole('region', { name: /^Machine / })
  const map = (nodes: number) =>
    page.getByRole('img', { name: `Map of the world with ${nodes} nodes. The table of nodes says the same` })
  const centreOf = async (title: string | RegExp) => {
    const box = await spot(title).locator('.rim').boundingBox()
    if (!box) throw new Error(`${title} is not drawn`)
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
  }
  const names: Record<'london' | 'other' | 'sweden' | 'america', string> = {
    ...{ london: '', other: '', sweden: '', america: '' },
  }

  test('is offered when a place is known, and not before', async () => {
    await join(undefined)
    await page.getByRole('button', { name: 'Table' }).waitFor()
    expect(await page.getByRole('button', { name: 'World' }).count()).toBe(0)
    names.london = await join(LONDON[0])
    names.other = await join(LONDON[1])
    names.sweden = await join(LINKÖPING)
    await page.getByRole('button', { name: 'World' }).click()
    await map(3).waitFor()
    await page.getByText('Of 1 node no place is known.').waitFor()
  })

  test('shows land, and where nodes are: those at one place as one, with their number', async () => {
    await expect.poll(() => page.locator('.land').getAttribute('d')).toMatch(/^M/)
    const [london, sweden] = [await centreOf(/^2 nodes/), await centreOf(names.sweden)]
    expect(
      await spot(/^2 nodes/)
        .locator('text')
        .textContent(),
    ).toBe('2')
    expect(sweden.x).toBeGreaterThan(london.x)
    expect(sweden.y).toBeLessThan(london.y)
    // London is on the zero meridian, in the middle; well north of the equator.
    const box = await map(3).boundingBox()
    if (!box) throw new Error('there is no map')
    expect(Math.abs(london.x - (box.x + box.width / 2))).toBeLessThan(box.width / 100)
    expect((london.y - box.y) / box.height).toBeGreaterThan(0.1)
    expect((london.y - box.y) / box.height).toBeLessThan(0.35)
    await started.screenshot('world')
  })

  test('shows a machine that joins now, without being loaded again', async () => {
    names.america = await join(SEATTLE)
    await map(4).waitFor()
    await page.locator('.numbers div', { hasText: 'machines' }).getByText('5', { exact: true }).waitFor()
    expect((await centreOf(names.america)).x).toBeLessThan((await centreOf(/^2 nodes/)).x)
  })

  test('a click chooses a node; a further one the next at the same place', async () => {
    await spot(names.sweden).click()
    await chosen().getByRole('heading', { name: names.sweden }).waitFor()
    await chosen().getByText('Sweden (SE)', { exact: true }).waitFor()
    expect(await spot(names.sweden).getAttribute('class')).toContain('chosen')
    const seen: string[] = []
    for (let click = 0; click < 2; click++) {
      const before = (await chosen().getByRole('heading', { level: 2 }).textContent()) ?? ''
      await spot(/^2 nodes/).click()
      await expect.poll(() => chosen().getByRole('heading', { level: 2 }).textContent()).not.toBe(before)
      seen.push((await chosen().getByRole('heading', { level: 2 }).textContent()) ?? '')
    }
    expect(new Set(seen)).toEqual(new Set([names.london, names.other]))
  })

  test('is coloured by what one chooses, and says what colours mean', async () => {
    await page.getByLabel('Colour by').selectOption('country')
    const legend = page.getByRole('list', { name: 'Legend' })
    for (const entry of ['GB 2', 'SE 1', 'US 1', 'unknown 1'])
      await legend.getByRole('listitem').filter({ hasText: entry }).waitFor()
    const colours = await Promise.all(
      [/^2 nodes/, names.sweden, names.america].map((one) =>
        spot(one).locator('.sector').first().getAttribute('stroke'),
      ),
    )
    expect(new Set(colours).size).toBe(3)
  })

  test('nodes of it are chosen with the keyboard in the table', async () => {
    await page.getByRole('button', { name: 'Table' }).focus()
    await page.keyboard.press('Enter')
    const row = page.getByRole('row', { name: new RegExp(names.america) })
    await row.getByRole('button').focus()
    await page.keyboard.press('Enter')
    await chosen().getByRole('heading', { name: names.america }).waitFor()
    await page.getByRole('button', { name: 'World' }).focus()
    await page.keyboard.press('Space')
    await map(4).waitFor()
    expect(await spot(names.america).getAttribute('class')).toContain('chosen')
  })

  test('draws the way to a node also when it is longer in coming than the next one is asked for', async () => {
    const other = await page.context().newPage()
    await other.clock.install()
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    let isLate = false
    await other.route('**/route', async (route) => {
      // What is asked for later takes even longer.
      if (isLate) return
      await held
      const hops = [names.london, names.sweden].map((name) => ({ name, by: 'routing' }))
      await route.fulfill({ json: { hops } })
    })
    await other.goto(`${started.base}/#network?view=world&machine=${encodeURIComponent(names.sweden)}`)
    const region = other.getByRole('region', { name: /^Machine / })
    await region.getByText('Asking the nodes on it…').waitFor()
    await other.getByText('Live: changes are shown').waitFor()
    isLate = true
    await other.clock.runFor(12_000)
    answer()
    await other.locator('path.way').waitFor({ state: 'attached' })
    await region.getByRole('button', { name: names.london }).first().waitFor()
    await other.close()
  })

  test.each(['light', 'dark'] as const)('axe-core finds nothing (%s)', async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    expect(await started.accessibilityProblems()).toEqual([])
    await started.screenshot(`world-${colorScheme}`)
  })

  test('fits a phone, and its marks can be told apart and tapped when it is magnified', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    await spot(/^3 nodes/).waitFor()
    await page.getByLabel('Find a node').fill(names.sweden)
    await chosen().getByRole('heading', { name: names.sweden }).waitFor()
    // What one looks at stays in sight.
    for (let times = 0; times < 2; times++) await page.getByRole('button', { name: 'Zoom in' }).click()
    await spot(/^2 nodes/).waitFor()
    expect(await spot(names.sweden).getAttribute('class')).toContain('chosen')
    await spot(/^2 nodes/).click()
    await expect
      .poll(() => chosen().getByRole('heading', { level: 2 }).textContent())
      .not.toContain(names.sweden)
    await spot(names.sweden).click()
    await chosen().getByRole('heading', { name: names.sweden }).waitFor()
    await page.getByRole('button', { name: 'Show all' }).click()
    await spot(/^3 nodes/).waitFor()
    await started.screenshot('world-phone')
  })

  test('nothing failed in the browser, and nothing was against its policy', () => {
    expect(started.problems).toEqual([])
  })
})
