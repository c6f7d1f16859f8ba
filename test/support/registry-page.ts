import path from 'node:path'
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { setAdministrator } from '../../src/registry/api/access/administrators.ts'
import type { Session } from '../../src/registry/api/schemas/access.ts'
import type { ApiSettings } from '../../src/registry/api-listeners.ts'
import { openStore } from '../../src/registry/database/open-store.ts'
import type {
  RegistryComponents,
  RegistrySettings,
  RunningRegistry,
} from '../../src/registry/registry-settings.ts'
import { startChromium } from './chromium.ts'
import { emptyDatabase } from './databases.ts'
import { temporaryDirectory, testRegistry } from './registry.ts'

/** Who may do everything, and the password. */
export const ADMINISTRATOR = { name: 'ann', password: 'correct horse battery' } as const

/** Ends all sessions under a name, as the administrator does it elsewhere. @throws Error when the registry refuses that */
export async function endSessions({ base }: Pick<RegistryPage, 'base'>, name: string): Promise<void> {
  const post = (path: string, body: unknown, headers = {}) =>
    fetch(`${base}/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const answer = await post('session', ADMINISTRATOR)
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
  const { csrfToken = '' } = (await answer.json()) as Session
  const { status } = await post('sessions/end', { name }, { cookie, 'x-csrf-token': csrfToken })
  if (status !== 204) throw new Error(`the sessions of ${name} were not ended: status ${status}`)
}

/** Set to a directory to keep the screenshots, for a person to look at. */
const KEEP_SCREENSHOTS = process.env['RE6ST_SCREENSHOTS']

/** A registry, and its page in a browser. */
export interface RegistryPage extends AsyncDisposable {
  readonly registry: RunningRegistry & { readonly url: string }
  readonly page: Page
  /** Where the page is. */
  readonly base: string
  /** What the browser said of failures, and of what the page's policy forbids. */
  readonly problems: readonly string[]
  /** Signs in as the administrator. */
  signIn(): Promise<void>
  /** Goes to a view of an administrator. */
  open(view: string): Promise<void>
  /** What axe-core finds: of a debugger's world, since the page's own policy forbids foreign scripts. */
  accessibilityProblems(): Promise<readonly string[]>
  screenshot(name: string): Promise<void>
}

/** Starts a registry with one administrator, and opens its page in Chromium, where nobody is signed in. */
export async function startRegistryPage(
  components: Partial<RegistryComponents> = {},
  {
    port = 0,
    openId,
    ...settings
  }: Partial<Pick<RegistrySettings, 'pair'> & Pick<ApiSettings, 'openId'>> & { readonly port?: number } = {},
): Promise<RegistryPage> {
  const databasePath = await emptyDatabase({ isShared: true })
  const store = await openStore(databasePath)
  await setAdministrator(
    store,
    { name: 'test', from: undefined },
    { ...ADMINISTRATOR, role: 'administer' },
    Date.now(),
  )
  await store[Symbol.asyncDispose]()
  const registry = await testRegistry(
    {
      ...settings,
      databasePath,
      api: {
        listener: { kind: 'address', address: '127.0.0.1', port },
        openId,
        socketPath: path.join(temporaryDirectory(), 'commands.socket'),
        pageUrl: undefined,
        registryUrl: 'http://registry.example.com/',
        pageFolder: fileURLToPath(new URL('../../dist/page/', import.meta.url)),
      },
    },
    components,
  )
  const base = `http://127.0.0.1:${registry.pagePort}`
  const chromium = await startChromium({ reducedMotion: 'reduce' })
  const page = chromium.browser.pages()[0] ?? (await chromium.browser.newPage())
  const problems: string[] = []
  page.on('console', (message) => {
    // Who is not signed in is told so: no failure of the page.
    if (message.type() === 'error' && !message.text().includes('401')) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.setDefaultTimeout(20_000)
  await page.goto(base)
  return {
    ...{ registry, page, base, problems },
    async signIn() {
      await page.getByLabel('Name').fill(ADMINISTRATOR.name)
      await page.getByLabel('Password').fill(ADMINISTRATOR.password)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { name: /^Network/ }).waitFor()
    },
    async open(view) {
      await page.evaluate(`location.hash = ${JSON.stringify(view)}`)
      // On a phone the menu is closed.
      await page.locator(`nav a[href="#${view}"][aria-current=page]`).waitFor({ state: 'attached' })
      await page.locator('main h1').waitFor()
    },
    async accessibilityProblems() {
      await page.evaluate(axe.source)
      return (await page.evaluate(
        'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + " " + target)))',
      )) as string[]
    },
    async screenshot(name) {
      if (KEEP_SCREENSHOTS !== undefined)
        await page.screenshot({ path: path.join(KEEP_SCREENSHOTS, `registry-${name}.png`), fullPage: true })
    },
    async [Symbol.asyncDispose]() {
      await chromium.stop()
      await registry[Symbol.asyncDispose]()
    },
  }
}
