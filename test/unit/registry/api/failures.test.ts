import { expect, it } from 'vitest'
import type { Logger } from '../../../../src/platform/log.ts'
import { newApiApp } from '../../../../src/registry/api/api-app.ts'

it('what fails of the API fills no log, however often somebody asks for it', async () => {
  const lines: Record<string, unknown>[] = []
  let nowMs = 0
  const app = newApiApp({
    ...{ files: new Map(), url: undefined, isLocal: true, admit: () => {} },
    log: { error: (fields: Record<string, unknown>) => lines.push(fields) } as unknown as Logger,
    clock: { monotonicMs: () => nowMs },
  })
  app.get('/broken', () => {
    throw new Error('the disk is full')
  })
  for (let count = 0; count < 50; count++) expect((await app.inject('/broken')).statusCode).toBe(500)
  expect(lines).toHaveLength(5)
  nowMs += 600_000
  await app.inject('/broken')
  expect(lines.at(-1)).toMatchObject({ method: 'GET', path: '/broken', omitted: 45 })
  await app.close()
})
