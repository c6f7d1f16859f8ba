import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
/** Without a GPU, and without asking anything of the Internet. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Whether there is one. */
export const hasChromium = existsSync(CHROMIUM)

/** A browser with nothing of earlier ones, 1280 by 900, whose times are in UTC unless another zone is given. */
export async function startChromium(
  options: { readonly reducedMotion?: 'reduce'; readonly timezoneId?: string } = {},
): Promise<{ readonly browser: BrowserContext; stop(): Promise<void> }> {
  const profile = mkdtempSync(path.join(tmpdir(), 're6st-chromium-'))
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 900 },
    timezoneId: 'UTC',
    ...options,
  })
  return {
    browser,
    async stop() {
      await browser.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}
