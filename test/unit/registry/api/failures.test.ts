import { expect, it } from 'vitest'
import type { Logger } from '../../../../src/platform/log.ts'
import { newApiApp } from '../../../../src/registry/api/api-app.ts'
import { Refusal } from '../../../../src/registry/refusal.ts'

/** An API with a clock that is set, and what its log has. */
function loggedApp() {
  const lines: Record<string, unknown>[] = []
  const time = { nowMs: 0 }
  const app = newApiApp({
    ...{ files: new Map(), url: undefined, isLocal: true, admit: () => {} },
    log: { error: (fields: Record<string, unknown>) => lines.push(fields) } as unknown as Logger,
    clock: { monotonicMs: () => time.nowMs },
  })
  return { app, lines, time }
}

it('what fails of the API fills no log, however often somebody asks for it', async () => {
  const { app, lines, time } = loggedApp()
  app.get('/broken', () => {
    throw new Error('the disk is full')
  })
  for (let count = 0; count < 50; count++) expect((await app.inject('/broken')).statusCode).toBe(500)
  expect(lines).toHaveLength(5)
  time.nowMs += 600_000
  await app.inject('/broken')
  expect(lines.at(-1)).toMatchObject({ method: 'GET', path: '/broken', omitted: 45 })
  await app.close()
})

it('what the API is refused for is not told to who asks, but to the log', async () => {
  const { app, lines } = loggedApp()
  const cause = new Error('the disk is full')
  app.get('/full', () => {
    throw new Refusal(503, 'try again later', { cause })
  })
  app.get('/gone', () => {
    throw new Refusal(404, 'there is no such machine')
  })
  const answer = await app.inject('/full')
  expect([answer.statusCode, answer.json()]).toEqual([
    503,
    { code: 'unavailable', message: 'try again later' },
  ])
  expect((await app.inject('/gone')).statusCode).toBe(404)
  expect(lines).toEqual([{ err: cause, method: 'GET', path: '/full' }])
  await app.close()
})
