import axe from 'axe-core'
import { expect, test } from 'vitest'
import { hasChromium, startChromium } from '../support/chromium.ts'
import { firstStartProcess } from '../support/first-start.ts'

/** The first start of a registry as somebody sees it, with a real browser. */
test.skipIf(!hasChromium)('a network is made by a form, and then signed in to', async () => {
  await using registry = await firstStartProcess()
  const chromium = await startChromium({ reducedMotion: 'reduce' })
  try {
    const page = chromium.browser.pages()[0] ?? (await chromium.browser.newPage())
    page.setDefaultTimeout(60_000)
    const problems = async () => {
      await page.evaluate(axe.source)
      return (await page.evaluate(
        'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + " " + target)))',
      )) as string[]
    }
    await page.goto(registry.url.href)
    await page.getByLabel('Administrator').fill('ann')
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 360],
    ] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      expect(await problems(), colorScheme).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    }
    await page.getByLabel('Password').fill('correct horse battery')
    await page.getByRole('button', { name: 'Make the network' }).click()
    await page.getByText('re6st join --registry').waitFor()
    expect(page.url()).not.toContain('setup=')
    // The lines to run are long.
    expect(await problems()).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    await page.getByRole('link', { name: 'Sign in' }).click()
    expect(await problems()).toEqual([])
    await page.getByLabel('Name').fill('ann')
    await page.getByLabel('Password').fill('correct horse battery')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: /^Network/ }).waitFor()
  } finally {
    await chromium.stop()
  }
})
