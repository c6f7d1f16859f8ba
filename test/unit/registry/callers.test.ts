import { expect, it } from 'vitest'
import { PROTOCOL } from '../../../src/core/config/protocol-number.ts'
import type { Logger } from '../../../src/platform/log.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { VERSION } from '../../../src/platform/version.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'

it('the registry sees which version calls it, and tells who asked what', async () => {
  const calls: unknown[] = []
  const log = { ...silentLog, trace: (fields: unknown) => calls.push(fields) } as unknown as Logger
  await using registry = await testRegistry({}, { log })
  await new RegistryClient(registry.url).getCa()
  await fetch(`${registry.url}isToken?token=x`, { headers: { 'User-Agent': `x${'y'.repeat(10_000)}` } })
  expect(calls).toMatchObject([
    {
      method: '/getCa',
      caller: '127.0.0.1',
      version: `re6stnet/${VERSION} protocol/${PROTOCOL}`,
      status: 200,
    },
    // A token is a secret.
    { method: '/isToken', caller: '127.0.0.1', status: 204 },
  ])
  expect(JSON.stringify(calls).length).toBeLessThan(1_000)
})

it('whoever types a call sees in the body why it is refused; nothing in an answer is guessed to be a page', async () => {
  await using registry = await testRegistry()
  const get = async (target: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${registry.url}${target}`, { headers })
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff')
    const type = answer.headers.get('Content-Type')
    return { status: answer.status, type, body: await answer.text() }
  }
  const text = 'text/plain; charset=utf-8'
  expect(await get('getCa')).toMatchObject({ status: 200, type: text })
  expect(await get('isToken?token=x')).toMatchObject({ status: 204, type: null, body: '' })
  expect(await get('topology')).toMatchObject({ status: 200, type: 'application/json' })
  for (const [target, status, why, headers] of [
    ['addToken?email=foo&token=', 400, /not an e-mail address/, {}],
    ['addToken?email=a@example.com&tokn=', 400, /./, {}],
    ['addToken?email=a@example.com&token=', 403, /proxy/, { Via: '1.1 somebody' }],
    ['addToken?email=a@example.com&token=', 403, /web page/, { Origin: 'http://evil.example' }],
    ['nosuch', 400, /./, {}],
    ['requestToken?email=a@example.com', 403, /./, {}],
  ] as const) {
    const answer = await get(target, headers)
    expect(answer, target).toMatchObject({ status, type: text })
    expect(answer.body).toMatch(why)
  }
})
