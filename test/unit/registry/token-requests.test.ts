import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/registry/refusal.ts'
import { TokenRequests } from '../../../src/registry/token-requests.ts'

const MINUTE_MS = 60_000

/** Requests by a clock that is held. */
function requests(isMailDue: (email: string) => boolean = () => true) {
  let nowMs = 0
  return {
    requests: new TokenRequests({ isMailDue, request: async () => {} }, { monotonicMs: () => nowMs }),
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('tokens by mail', () => {
  it('are few for one source, and in all', async () => {
    const { requests: tokens, pass } = requests()
    const statuses = async (count: number, sourceOf: (n: number) => string) =>
      Promise.all(
        Array.from({ length: count }, (_, n) =>
          tokens.request(`${sourceOf(n)}-${n}@example.com`, sourceOf(n)).then(
            () => 204,
            ({ status }: { status: number }) => status,
          ),
        ),
      )
    const one = await statuses(8, () => 'loud')
    expect(one.filter((status) => status === 204)).toHaveLength(5)
    expect(one.filter((status) => status === 429)).toHaveLength(3)
    const many = await statuses(100, (n) => `source${n}`)
    expect(many.filter((status) => status === 204)).toHaveLength(55)
    expect(many.filter((status) => status === 503)).toHaveLength(45)
    pass(MINUTE_MS)
    await tokens.request('later@example.com', 'loud')
  })

  it('take nothing of what there is for all where no mail is sent', async () => {
    const { requests: tokens } = requests((email) => {
      if (!email.includes('@')) throw new Refusal(400, 'not an e-mail address')
      return email !== 'mailed@example.com'
    })
    for (let n = 0; n < 100; n++) {
      await expect(tokens.request('nonsense', `source${n}`)).rejects.toMatchObject({ status: 400 })
      await tokens.request('mailed@example.com', `source${n}`)
    }
    await tokens.request('honest@example.com', 'honest')
  })

  it('are asked for again by who was refused when there is one, not before', async () => {
    const { requests: tokens, pass } = requests()
    const refusal = (source: string) =>
      tokens.request('a@example.com', source).then(
        () => undefined,
        ({ retryAfterMs }: Refusal) => retryAfterMs,
      )
    for (let count = 0; count < 5; count++) expect(await refusal('loud')).toBeUndefined()
    expect(await refusal('loud')).toBe(MINUTE_MS)
    pass(MINUTE_MS / 2)
    expect(await refusal('loud')).toBe(MINUTE_MS / 2)
    pass(MINUTE_MS / 2)
    expect(await refusal('loud')).toBeUndefined()
    for (let count = 0; count < 60; count++) await refusal(`source${count}`)
    expect(await refusal('another')).toBe(1_000)
  })
})
