import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { enrolledMachine } from '../support/calling-machine.ts'
import { hasChromium } from '../support/chromium.ts'
import { ADMINISTRATOR, endSessions, type RegistryPage, startRegistryPage } from '../support/registry-page.ts'
import { vectors } from '../support/vectors.ts'

const MINUTE_MS = 60_000
const csr = vectors<{ csr: Record<string, string> }>('pki.json').csr['node-a'] ?? ''

interface Proxy extends Server {
  /** It answers for a registry that is not there. */
  isAway?: boolean
  /** The registry behind it was upgraded to this one. */
  version?: string | undefined
  /** Of the streams that are open now, nothing comes any more, and nobody is told so: as where a line was lost. */
  loseStreams(): void
  /** The registry behind it is of a version that does not say that it is alive. */
  isEarlier?: boolean
  /** What comes of streams waits for this, as on a slow line. */
  slow?: Promise<void> | undefined
}

const ALIVE = 'event: alive\ndata: {}\n\n'

/** A proxy as others are. */
async function proxyOf(target: string): Promise<Proxy> {
  const streams = new Set<() => void>()
  const follow = (answer: IncomingMessage, response: ServerResponse) => {
    const pass = async (chunk: Buffer, done: TransformCallback) => {
      const text = chunk.toString('latin1')
      const { isEarlier, slow } = server
      await slow
      done(undefined, Buffer.from(isEarlier ? text.replaceAll(ALIVE, '') : text, 'latin1'))
      if (!isEarlier && text.includes(ALIVE)) server.emit('alive')
    }
    const passed = new Transform({ transform: (chunk: Buffer, _, done) => void pass(chunk, done) })
    response.flushHeaders()
    answer.pipe(passed).pipe(response)
    streams.add(() => answer.unpipe(passed).resume())
  }
  const server = createServer((request, response) => {
    if (server.isAway) return void response.writeHead(502).end('Bad gateway')
    const { method, headers } = request
    const onward = httpRequest(new URL(request.url ?? '/', target), { method, headers }, (answer) => {
      const said = server.version === undefined ? {} : { 're6st-version': server.version }
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...said })
      if (request.url?.endsWith('/events')) follow(answer, response)
      else answer.pipe(response)
      // Whoever is cut off has not the end of the answer.
      answer.on('close', () => answer.complete || response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  }) as Proxy
  server.loseStreams = () => {
    for (const lose of streams) lose()
    streams.clear()
  }
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

/** A page that somebody has left open, and comes back to. */
describe.skipIf(!hasChromium)('a page of the registry that is left open in Chromium', () => {
  let aheadMs = 0
  let started: RegistryPage
  let page: Page
  let proxy: Proxy

  beforeAll(async () => {
    started = await startRegistryPage({ clock: { ...systemClock, now: () => Date.now() + aheadMs } })
    page = started.page
    proxy = await proxyOf(started.base)
    await page.goto(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    await started.signIn()
  })
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]()
    proxy?.close()
    proxy?.closeAllConnections()
  })

  const again = () => page.getByRole('dialog', { name: 'The session has ended' })
  const signInAgain = async () => {
    expect(await again().getByLabel('Name').inputValue()).toBe(ADMINISTRATOR.name)
    await again().getByLabel('Password').fill(ADMINISTRATOR.password)
    await again().getByRole('button', { name: 'Sign in' }).click()
    await again().waitFor({ state: 'detached' })
  }

  test('follows the network again by itself when its registry was restarted behind a proxy', async () => {
    await page.getByText('Live: changes are shown').waitFor()
    proxy.isAway = true
    proxy.closeAllConnections()
    await page.getByText('Waiting for the registry…').waitFor()
    // The browser itself gives up after such an answer.
    await page.waitForResponse((response) => response.status() === 502)
    proxy.isAway = false
    await page.getByText('Live: changes are shown').waitFor()
  })

  const joined = () => new RegistryClient(started.registry.url).requestCertificate({ token: '', csr })

  test('shows what changes after the stream was lost without a word', async () => {
    await once(proxy, 'alive')
    await page.getByText('Live: changes are shown').waitFor()
    proxy.loseStreams()
    await joined()
    await page.getByRole('img', { name: 'Map of 1 node ' }).waitFor()
    await page.getByText('Live: changes are shown').waitFor()
  })

  test('shows what has changed while the machine was asleep', async () => {
    const browser = await page.context().newCDPSession(page)
    await browser.send('Page.setWebLifecycleState', { state: 'frozen' })
    proxy.loseStreams()
    await joined()
    await browser.send('Page.setWebLifecycleState', { state: 'active' })
    await page.getByRole('img', { name: 'Map of 2 nodes ' }).waitFor()
    await browser.detach()
  })

  /** Another page, whose time is that of its own. */
  const otherPage = async () => {
    const other = await page.context().newPage()
    await other.clock.install()
    return other
  }

  test('of a slow line, the first answer has its time also when the browser itself has connected again', async () => {
    const other = await otherPage()
    await other.goto(page.url())
    await other.getByText('Live: changes are shown').waitFor()
    await once(proxy, 'alive')
    let answer = () => {}
    proxy.slow = new Promise((resolve) => {
      answer = resolve
    })
    const answered = other.waitForResponse('**/topology/events')
    proxy.closeAllConnections()
    await answered
    await other.getByText('Waiting for the registry…').waitFor()
    const asked: string[] = []
    other.on('request', (request) => asked.push(request.url()))
    await other.clock.runFor(20_000)
    expect(asked.filter((url) => url.endsWith('/events'))).toEqual([])
    proxy.slow = undefined
    answer()
    await other.getByText('Live: changes are shown').waitFor()
    await other.close()
  })

  test('of a registry that does not say that it is alive, as of an earlier version, no silence means anything', async () => {
    const other = await otherPage()
    proxy.isEarlier = true
    await other.goto(page.url())
    await other.getByText('Live: changes are shown').waitFor()
    const asked: string[] = []
    other.on('request', (request) => asked.push(request.url()))
    await other.clock.runFor(90_000)
    expect(asked.filter((url) => url.endsWith('/events'))).toEqual([])
    proxy.isEarlier = false
    await other.close()
  })

  test('asks who is there when the session has ended, and then follows the network again', async () => {
    await endSessions(started, ADMINISTRATOR.name)
    proxy.closeAllConnections()
    await again().waitFor()
    const focused = () => page.evaluate('document.activeElement.name')
    expect(await focused()).toBe('password')
    expect(await started.accessibilityProblems()).toEqual([])
    await started.screenshot('session-ended')
    await again().getByLabel('Password').fill('wrong password')
    await again().getByRole('button', { name: 'Sign in' }).click()
    await again().getByText('name or password is wrong').waitFor()
    await signInAgain()
    await page.getByText('Live: changes are shown').waitFor()
  })

  test('keeps what was written into a form when the session ends, and goes on from there', async () => {
    await started.open('invitations')
    await page.getByLabel('Name').fill('a machine with a long name')
    await page.getByLabel('Machines').fill('3')
    await page.getByRole('button', { name: 'Invite…' }).click()
    const confirm = page.getByRole('dialog', { name: 'Invite?' })
    const invite = confirm.getByRole('button', { name: 'Invite' })
    await invite.waitFor()
    await endSessions(started, ADMINISTRATOR.name)
    // Also where what the page asks for by itself has brought the question who is there before.
    await invite.dispatchEvent('click')
    await again().waitFor()
    // Whoever presses it once too often has left nothing: only the button says so.
    for (let time = 0; time < 6; time++) await page.keyboard.press('Escape')
    await signInAgain()
    await confirm.getByText('For machines called a machine with a long name').waitFor()
    await invite.click()
    await page.getByRole('region', { name: 'New invitation' }).waitFor()
    await page.getByText('3 of 3 left').waitFor()
  })

  test('keeps what was written into the configuration', async () => {
    await started.open('configuration')
    await page.getByLabel('Hello').fill('7')
    await endSessions(started, ADMINISTRATOR.name)
    await page.getByRole('button', { name: 'Preview…' }).dispatchEvent('click')
    await again().waitFor()
    await signInAgain()
    expect(await page.getByLabel('Hello').inputValue()).toBe('7')
    await page.getByRole('button', { name: 'Preview…' }).click()
    await page.getByRole('dialog').getByText('15 → 7').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(await page.getByLabel('Hello').inputValue()).toBe('7')
  })

  test('what was asked for before somebody has signed in again does not end the session of now', async () => {
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    const ASKED = '**/api/v1/network'
    await started.open('keys')
    await page.route(
      ASKED,
      async (route) => {
        await held
        await route.fulfill({ status: 401, json: { code: 'unauthenticated', message: 'sign in' } })
      },
      { times: 1 },
    )
    const asked = page.waitForRequest(ASKED)
    await page.evaluate("location.hash = 'network'")
    await asked
    await endSessions(started, ADMINISTRATOR.name)
    proxy.closeAllConnections()
    await again().waitFor()
    await signInAgain()
    const answered = (status: number) =>
      page.waitForResponse((response) => response.url().endsWith('/network') && response.status() === status)
    // What is asked for after the late answer has one, too: by then somebody would be asked.
    const late = answered(401)
    const next = late.then(() => answered(200))
    answer()
    await next
    expect(await again().count()).toBe(0)
  })

  test('is left by who does not want to go on', async () => {
    await endSessions(started, ADMINISTRATOR.name)
    await started.open('tokens')
    await again().getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.evaluate("location.hash = 'network'")
    await started.signIn()
  })

  test('shows what another administrator does to invitations and keys', async () => {
    await started.open('invitations')
    const invitation = page.getByRole('listitem').filter({ hasText: 'made elsewhere' })
    expect(await invitation.count()).toBe(0)
    await page.evaluate(async () => {
      const session = (await (await fetch('/api/v1/session')).json()) as { csrfToken: string }
      await fetch('/api/v1/invitations', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrfToken },
        body: JSON.stringify({ machineName: 'made elsewhere', email: 'ann@example.com' }),
      })
    })
    await invitation.getByText('For a machine called made elsewhere, of ann@example.com').waitFor()
    await started.open('keys')
    await page.getByText('Step: idle').waitFor()
    await page.getByRole('button', { name: 'Announce a new key…' }).click()
    await page.evaluate(async () => {
      const session = (await (await fetch('/api/v1/session')).json()) as { csrfToken: string }
      await fetch('/api/v1/keys/rotation', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrfToken },
        body: JSON.stringify({ fromStep: 'idle' }),
      })
    })
    await page.getByText('Step: announced').waitFor()
    // What was shown when it was asked for is confirmed, and nothing else.
    await page.getByRole('dialog').getByRole('button', { name: 'Announce a new key' }).click()
    await page.getByRole('alert').getByText('the rotation is at the step announced').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  })

  test('asks who is there when nobody has done anything for half an hour, though it asks for news all the time', async () => {
    await started.open('invitations')
    const name = page.getByLabel('Name')
    await name.fill('written before')
    const asked = () => page.waitForResponse((response) => response.url().includes('/invitations'))
    // What was done is said with the next question.
    const use = () =>
      Promise.all([
        page.waitForResponse((response) => response.request().headers()['x-in-use'] !== undefined),
        page.keyboard.press('Shift'),
      ])
    await use()
    aheadMs += 20 * MINUTE_MS
    await use()
    aheadMs += 20 * MINUTE_MS
    for (let time = 0; time < 2; time++) expect((await asked()).status()).toBe(200)
    aheadMs += 10 * MINUTE_MS
    await again().waitFor()
    await signInAgain()
    expect(await name.inputValue()).toBe('written before')
    // A session of a clock that was ahead is none.
    aheadMs = 0
    await again().waitFor()
    await signInAgain()
  })

  test('who dictates, or has the page read out, does something, too', async () => {
    await started.open('invitations')
    await page.getByLabel('Name').fill('')
    const asked = (isInUse: boolean) =>
      page.waitForResponse(
        (response) =>
          response.url().includes('/invitations') &&
          (response.request().headers()['x-in-use'] !== undefined) === isInUse,
      )
    await asked(false)
    // No key is pressed, and no pointer moves.
    await Promise.all([asked(true), page.keyboard.insertText('a machine')])
  })

  test('an answer that takes longer than the pause between two questions is shown', async () => {
    const other = await page.context().newPage()
    await other.clock.install()
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    let questions = 0
    await other.route('**/api/v1/keys', async (route) => {
      questions += 1
      // Later ones take even longer.
      if (questions > 1) return
      await held
      await route.continue()
    })
    await other.goto(page.url().replace(/#.*/, '#keys'))
    await other.getByRole('heading', { name: 'MAC keys' }).waitFor()
    await expect.poll(() => questions).toBe(1)
    await other.clock.runFor(12_000)
    answer()
    await other.getByText('Step: announced').waitFor()
    await other.close()
  })

  const changedElsewhere = (change: unknown) =>
    page.evaluate(async (wanted) => {
      const session = (await (await fetch('/api/v1/session')).json()) as { csrfToken: string }
      const { version } = (await (await fetch('/api/v1/configuration')).json()) as { version: number }
      await fetch('/api/v1/configuration', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrfToken },
        body: JSON.stringify({ fromVersion: version, change: wanted }),
      })
    }, change)

  test('keeps what was written into the configuration when another administrator changes it, and asks what counts', async () => {
    await started.open('configuration')
    await page.getByLabel('Hello').fill('7')
    await changedElsewhere({ clientCount: 9 })
    const elsewhere = page.getByRole('region', { name: 'Changed elsewhere' })
    await elsewhere.getByText('Client count: 10 → 9. The form has it.').waitFor()
    await page.getByRole('status').getByText('What you have written is kept').waitFor()
    expect(await page.getByLabel('Client count').inputValue()).toBe('9')
    expect(await page.getByLabel('Hello').inputValue()).toBe('7')
    await changedElsewhere({ clientCount: 8 })
    await elsewhere.getByText('Client count: 10 → 8. The form has it.').waitFor()
    await elsewhere.getByRole('button', { name: 'Understood' }).click()
    await elsewhere.waitFor({ state: 'detached' })
    await changedElsewhere({ hello: 5, encrypt: true })
    await elsewhere.getByText('Hello: 15 → 5 seconds. You have written 7.').waitFor()
    expect(await page.getByLabel('Encrypt tunnels').isChecked()).toBe(true)
    expect(await started.accessibilityProblems()).toEqual([])
    await started.screenshot('changed-elsewhere')
    await page.getByRole('button', { name: 'Preview…' }).click()
    await page.getByRole('alert').getByText('First decide').waitFor()
    // Who writes what is there now has decided.
    await page.getByLabel('Hello').fill('5')
    expect(await elsewhere.getByRole('button', { name: 'Take 5' }).count()).toBe(0)
    await page.getByLabel('Hello').fill('7')
    await elsewhere.getByRole('button', { name: 'Keep 7' }).click()
    await elsewhere.getByText('You have written 7, which you keep.').waitFor()
    await page.getByRole('button', { name: 'Preview…' }).click()
    await page.getByRole('dialog').getByText('5 → 7').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click()
    await page.getByRole('status').getByText('The configuration is changed').waitFor()
    await changedElsewhere({ hello: 8 })
    await expect.poll(() => page.getByLabel('Hello').inputValue()).toBe('8')
    await page.getByLabel('Hello').fill('9')
    await changedElsewhere({ hello: 10 })
    await elsewhere.getByRole('button', { name: 'Take 10' }).click()
    expect(await page.getByLabel('Hello').inputValue()).toBe('10')
  })

  test('shows by itself who has which certificate of the authority', async () => {
    await started.open('authority')
    const count = page.locator('.numbers div', { hasText: 'have it' }).locator('dd')
    const before = Number(await count.textContent())
    await enrolledMachine(started.registry.url)
    await count.getByText(String(before + 1), { exact: true }).waitFor()
  })

  test('says that the registry was upgraded, and is loaded anew when somebody wants that, without loss', async () => {
    const notice = () => page.getByText('The registry has version 99.1.2 now')
    const isLoadedAnew = async () => {
      await page.evaluate('window.isOld = true')
      return () => page.evaluate('window.isOld === undefined') as Promise<boolean>
    }
    await started.open('tokens')
    await page.getByLabel('What for').fill('written before the upgrade')
    const said = (version: string) =>
      page.waitForResponse((response) => response.headers()['re6st-version'] === version)
    // Of several processes that are upgraded one after another, one of before answers, too.
    proxy.version = '0.0.1'
    await said('0.0.1')
    proxy.version = '99.1.2'
    await notice().waitFor()
    proxy.version = '99.1.1'
    await said('99.1.1')
    proxy.version = '99.1.2'
    await said('99.1.2')
    expect(await page.getByText('The registry has version').textContent()).toContain('99.1.2')
    expect(await started.accessibilityProblems()).toEqual([])
    await started.screenshot('upgraded')
    const anew = page.getByRole('button', { name: 'Load it anew' })
    await anew.click()
    const dialog = page.getByRole('dialog', { name: 'Load the page anew?' })
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    expect(await page.getByLabel('What for').inputValue()).toBe('written before the upgrade')
    const wasAsked = await isLoadedAnew()
    await anew.click()
    await dialog.getByRole('button', { name: 'Load anew' }).click()
    await expect.poll(wasAsked).toBe(true)
    await notice().waitFor()
    // Nothing is written: there is nothing to ask.
    for (const view of ['tokens', 'configuration']) {
      await started.open(view)
      await page.locator('form.card').waitFor()
      const wasNot = await isLoadedAnew()
      await anew.click()
      await expect.poll(wasNot).toBe(true)
      await notice().waitFor()
    }
    // What is chosen is written, too.
    await page.getByLabel('Encrypt tunnels').click()
    await anew.click()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await started.open('tokens')
    await page.getByLabel('May').selectOption('enrol')
    await anew.click()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    // The page that is loaded now is of the version of the registry.
    proxy.version = undefined
    await page.reload()
    await page.getByRole('heading', { name: 'Tokens of programs' }).waitFor()
    expect(await notice().count()).toBe(0)
  })

  test('says what was not done also to who has closed the question meanwhile', async () => {
    await started.open('tokens')
    await page.getByLabel('What for').fill('backups')
    let refuse = () => {}
    const held = new Promise<void>((resolve) => {
      refuse = resolve
    })
    await page.route('**/api/v1/tokens', async (route) => {
      if (route.request().method() === 'GET') return route.continue()
      await held
      return route.fulfill({ status: 409, json: { code: 'conflict', message: 'there are 1000 tokens' } })
    })
    await page.getByRole('button', { name: 'Make…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    refuse()
    await page
      .getByRole('status')
      .getByText('Make a token for backups? That was not done: there are 1000 tokens')
      .waitFor()
    await page.unroute('**/api/v1/tokens')
  })

  test('gives ends by the clock of the registry, where that of the browser is wrong', async () => {
    await page.clock.setFixedTime(Date.now() + 40 * 24 * 3600_000)
    await page.reload()
    await started.open('invitations')
    await page.getByLabel('Name').fill('in time')
    await page.getByLabel('Days').fill('2')
    await page.getByRole('button', { name: 'Invite…' }).click()
    const end = new Date(Date.now() + 2 * 24 * 3600_000).toISOString().slice(0, 10)
    await page.getByRole('dialog').getByText(`until ${end}`).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  })
})
