import path from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PageServer, startPage } from '../../demo/page-server.ts'
import { hasChromium, startChromium } from '../support/chromium.ts'
import { samplePicture } from '../support/sample-picture.ts'

/** Set to a directory to keep the screenshots, for a person to look at. */
const KEEP_SCREENSHOTS = process.env['RE6ST_SCREENSHOTS']

describe.skipIf(!hasChromium)('the page of the demo in Chromium', () => {
  let server: PageServer
  let chromium: Awaited<ReturnType<typeof startChromium>>
  let page: Page
  const problems: string[] = []

  beforeAll(async () => {
    server = await startPage(0, samplePicture())
    chromium = await startChromium({ reducedMotion: 'reduce' })
    page = chromium.browser.pages()[0] ?? (await chromium.browser.newPage())
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    page.setDefaultTimeout(5_000)
    await page.goto(server.url)
    await page.getByRole('radio').first().waitFor()
  })
  afterAll(async () => {
    await chromium?.stop()
    await server?.stop()
  })

  const screenshot = async (name: string): Promise<void> => {
    if (KEEP_SCREENSHOTS !== undefined)
      await page.screenshot({ path: path.join(KEEP_SCREENSHOTS, `${name}.png`), fullPage: true })
  }
  const becomesChosen = (name: string) =>
    page.getByRole('radio', { checked: true, name: new RegExp(`^${name}`) }).waitFor()
  const inBrowser = <T>(expression: string): Promise<T> => page.evaluate(expression) as Promise<T>
  const waysOf = (name: string) => page.getByRole('region', { name: `Ways of packets from ${name}` })

  test('every machine, its links and the ways from the chosen one are drawn', async () => {
    expect(await page.getByRole('radio').count()).toBe(9)
    expect(await page.locator('path.link, path.way').count()).toBe(14)
    // A tree to the eight others.
    expect(await page.locator('path.way').count()).toBe(8)
    await screenshot('wide-light')
  })

  test('a click chooses a machine, and its ways are drawn and written', async () => {
    await page.getByRole('radio', { name: /^n6/ }).click()
    await becomesChosen('n6')
    expect(await waysOf('n6').getByRole('row', { name: /^n4/ }).textContent()).toContain(
      'n6 → registry → n1 → n4',
    )
  })

  test('the arrow keys choose the next machine, and keep the focus', async () => {
    await page.getByRole('radio', { name: /^n6/ }).focus()
    await page.keyboard.press('ArrowRight')
    await becomesChosen('n7')
    expect(await inBrowser('document.activeElement.textContent')).toBe('n7')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('ArrowUp')
    await becomesChosen('n5')
    await waysOf('n5').waitFor()
    expect(page.url()).toMatch(/#n5$/)
  })

  test('the Tab key reaches the drawing, the tables, and each button', async () => {
    await page.reload()
    await page.getByRole('radio').first().waitFor()
    const reached = new Set<string>()
    for (let press = 0; press < 20; press++) {
      await page.keyboard.press('Tab')
      reached.add(
        await inBrowser('document.activeElement.getAttribute("role") ?? document.activeElement.tagName'),
      )
    }
    expect([...reached]).toEqual(expect.arrayContaining(['radio', 'SECTION', 'BUTTON']))
  })

  test('what happens is shown at once: a machine killed, a pair cut, the outage', async () => {
    server.show(samplePicture({ killed: 'n3' }))
    await page.getByText('packets flow again after 2.4 s').waitFor()
    expect(await page.getByRole('radio', { name: /^n3.*killed/ }).count()).toBe(1)
    expect(await page.locator('.cut').count()).toBe(1)
    expect(await waysOf('n5').getByRole('row', { name: /^n3/ }).textContent()).toContain('no route')
    await screenshot('killed-light')
  })

  test('it is readable in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    const styleOf = (property: string) => inBrowser<string>(`getComputedStyle(document.body).${property}`)
    const [background, text] = [await styleOf('backgroundColor'), await styleOf('color')]
    expect(luminance(background)).toBeLessThan(0.05)
    expect(luminance(text)).toBeGreaterThan(0.7)
    await screenshot('killed-dark')
  })

  test('it fits a phone: nothing sticks out, and every machine can be tapped', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    await page.waitForFunction('document.querySelector("svg").clientWidth < 360')
    expect(await inBrowser('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    const boxes = await Promise.all(
      (await page.getByRole('radio').all()).map((machine) => machine.boundingBox()),
    )
    for (const box of boxes) {
      expect(box?.x).toBeGreaterThanOrEqual(0)
      expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(360)
      expect(box?.height).toBeGreaterThanOrEqual(24)
    }
    expect(overlapping(boxes.flatMap((box) => box ?? []))).toBe(0)
    await screenshot('phone-dark')
    await page.emulateMedia({ colorScheme: 'light' })
    await screenshot('phone-light')
  })

  test('the map of the registry’s page shows the same network, with the details of the chosen machine', async () => {
    const details = page.getByRole('region', { name: /^Details of n5/ })
    await details.getByText('Route from the registry').waitFor()
    await page.getByRole('button', { name: 'Table' }).click()
    await page.getByRole('region', { name: 'Nodes of the map' }).getByRole('button', { name: 'n6' }).click()
    await becomesChosen('n6')
  })

  test('nothing failed in the browser', () => {
    expect(problems).toEqual([])
  })

  test('another name for this machine is refused', async () => {
    const port = new URL(server.url).port
    const answer = await fetch(`http://127.0.0.1:${port}/picture.json`)
    expect(answer.status).toBe(200)
    const { status } = await fetch(`http://127.0.0.2:${port}/`).catch(() => ({ status: 0 }))
    expect(status).toBe(0)
  })

  test('when the demo ends, the page says so and keeps the last picture', async () => {
    await server.stop()
    await page.getByText('The demo has ended').waitFor()
    expect(await page.getByRole('radio').count()).toBe(9)
  })
})

/** Relative luminance of `rgb(r, g, b)`, roughly. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map(
    (part) => (Number(part) / 255) ** 2.2,
  )
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

type Box = { x: number; y: number; width: number; height: number }

function overlapping(boxes: readonly Box[]): number {
  const touch = (a: Box, b: Box) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
  return boxes.flatMap((a, at) => boxes.slice(at + 1).filter((b) => touch(a, b))).length
}
