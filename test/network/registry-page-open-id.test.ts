import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { hasChromium } from '../support/chromium.ts'
import { freePort } from '../support/free-port.ts'
import { OPEN_ID_CLIENT, type OpenIdProvider, openIdProvider } from '../support/open-id.ts'
import { ADMINISTRATOR, endSessions, type RegistryPage, startRegistryPage } from '../support/registry-page.ts'

/** The provider is another site than the page: cookies that other sites cannot send are put to the proof. */
describe.skipIf(!hasChromium)('signing in to the page with OpenID Connect in Chromium', () => {
  let started: RegistryPage
  let provider: OpenIdProvider
  let page: Page

  beforeAll(async () => {
    const port = await freePort()
    provider = await openIdProvider(
      `http://127.0.0.1:${port}/api/v1/session/openid/callback`,
      { eve: ['net-admins'], bob: [] },
      {},
      'localhost',
    )
    started = await startRegistryPage(
      {},
      {
        port,
        openId: {
          ...{ ...OPEN_ID_CLIENT, issuer: provider.issuer, scope: 'openid profile', claim: 'roles' },
          roles: [['administer', 'net-admins']],
        },
      },
    )
    page = started.page
  })
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]()
    await provider?.[Symbol.asyncDispose]()
  })

  /** What the provider asks, until it leads back. */
  async function atProvider(tab: Page, name: string): Promise<void> {
    await tab.locator('input[name=login]').fill(name)
    await tab.locator('input[name=password]').fill('anything')
    await tab.locator('button[type=submit]').click()
    await tab.locator('input[name=prompt][value=consent]').waitFor({ state: 'attached' })
    await tab.locator('button[type=submit]').click()
  }

  test('who has a role there is led to the page, and is signed in', async () => {
    await page.getByRole('link', { name: `Sign in with ${provider.issuer.host}` }).click()
    await atProvider(page, 'eve')
    await page.getByRole('heading', { name: /^Network/ }).waitFor()
    await page.getByText('openid:eve (administer)').waitFor()
  })

  test('whose session has ended signs in again in another tab, and goes on with what was written', async () => {
    await started.open('invitations')
    await page.getByLabel('Name').fill('laptop')
    await endSessions(started, 'openid:eve')
    await page.getByRole('button', { name: 'Invite…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
    const again = page.getByRole('dialog', { name: 'The session has ended' })
    const [other] = await Promise.all([
      page.context().waitForEvent('page'),
      again.getByRole('link', { name: 'in another tab' }).click(),
    ])
    // The provider knows who it is: it need not ask again.
    await other.getByRole('heading', { name: /^Network/ }).waitFor()
    await other.close()
    await again.waitFor({ state: 'detached' })
    await page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
    await page.getByRole('region', { name: 'New invitation' }).waitFor()
  })

  test('another tab that signs in as somebody else is the same session: nothing is done in the name of who was there', async () => {
    const other = await page.context().newPage()
    await other.goto(started.base)
    await other.getByRole('button', { name: 'Sign out' }).click()
    await other.getByLabel('Name').fill(ADMINISTRATOR.name)
    await other.getByLabel('Password').fill(ADMINISTRATOR.password)
    await other.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText(`${ADMINISTRATOR.name} (administer)`).waitFor()
    await other.close()
  })

  test('who has no role is told so', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.context().clearCookies()
    await page.getByRole('link', { name: /^Sign in with/ }).click()
    await atProvider(page, 'bob')
    await page.getByRole('alert').getByText('gives you no role here').waitFor()
  })
})
