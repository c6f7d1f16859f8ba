import { expect, test } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'

test('waiting ends with the first truthy value', async () => {
  let looks = 0
  expect(await waitFor(() => ++looks === 3 && 'here', { what: 'it', deadlineMs: 1_000, intervalMs: 1 })).toBe(
    'here',
  )
  expect(looks).toBe(3)
})

test('a condition that throws is looked at again, and its last error is in the message', async () => {
  const never = () => Promise.reject(new Error('no socket'))
  await expect(waitFor(never, { what: 'the node', deadlineMs: 20, intervalMs: 5 })).rejects.toThrow(
    'waited 0.02 s for the node: no socket',
  )
})

test('an aborted signal ends the wait', async () => {
  const abort = new AbortController()
  const waiting = waitFor(() => false, { what: 'it', deadlineMs: 60_000, signal: abort.signal })
  abort.abort(new Error('the test is over'))
  await expect(waiting).rejects.toThrow('the test is over')
})
