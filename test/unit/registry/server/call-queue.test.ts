import { describe, expect, it } from 'vitest'
import { CallQueue, type Lane, QueueFull } from '../../../../src/registry/server/call-queue.ts'

const LIMITS = { running: 1, runningPerSource: 1, runningStrangers: 1, waiting: 6, waitingPerSource: 4 }
const forever = new AbortController().signal

/** A queue with one call under way, and the names of those that came in after it, in their order. */
async function busyQueue(limits = LIMITS) {
  const queue = new CallQueue(limits)
  const first = await queue.enter({ lane: 'operator', source: undefined, signal: forever })
  const served: string[] = []
  const ask = (name: string, lane: Lane, source: string | undefined, signal = forever) =>
    queue.enter({ lane, source, signal }).then((turn) => {
      served.push(name)
      turn[Symbol.dispose]()
    })
  return { queue, served, ask, end: () => first[Symbol.dispose]() }
}

describe('calls that wait', () => {
  it('are served lane by lane, the operator first', async () => {
    const { served, ask, end } = await busyQueue()
    const lanes: readonly Lane[] = ['stranger', 'known', 'node', 'operator']
    const asked = lanes.map((lane) => ask(lane, lane, lane))
    end()
    await Promise.all(asked)
    expect(served).toEqual(['operator', 'node', 'known', 'stranger'])
  })

  it('are served each source in turn: who asks often waits for itself', async () => {
    const { served, ask, end } = await busyQueue()
    const asked = [
      ...[1, 2, 3, 4].map((count) => ask(`loud ${count}`, 'stranger', 'loud')),
      ask('quiet', 'stranger', 'quiet'),
      ask('other', 'stranger', 'other'),
    ]
    end()
    await Promise.all(asked)
    expect(served).toEqual(['loud 1', 'quiet', 'other', 'loud 2', 'loud 3', 'loud 4'])
  })

  it('of strangers leave places for all others', async () => {
    const { served, ask } = await busyQueue({ ...LIMITS, running: 4, runningStrangers: 0 })
    const end = new AbortController()
    const stranger = ask('stranger', 'stranger', 'a', end.signal)
    await Promise.all([ask('node', 'node', 'b'), ask('known', 'known', 'c')])
    expect(served).toEqual(['node', 'known'])
    end.abort()
    await expect(stranger).rejects.toThrow()
  })

  it('are refused beyond what one source may have; who has most makes room for another', async () => {
    const { served, ask, end } = await busyQueue()
    const loud = [1, 2, 3, 4].map((count) => ask(`loud ${count}`, 'stranger', 'loud'))
    const last = expect(loud.pop()).rejects.toMatchObject({ by: 'source' })
    await expect(ask('loud 5', 'stranger', 'loud')).rejects.toMatchObject({ by: 'source' })
    const others = ['a', 'b', 'c'].map((name) => ask(name, 'stranger', name))
    await last
    // Another lane has room of its own.
    others.push(ask('node', 'node', 'loud'))
    end()
    await Promise.all([...loud, ...others])
    expect(served).toEqual(['node', 'loud 1', 'a', 'b', 'c', 'loud 2', 'loud 3'])
  })

  it('are refused when a thousand others wait who have no more than they', async () => {
    const { ask, end } = await busyQueue()
    const others = [1, 2, 3, 4, 5, 6].map((count) => ask(`${count}`, 'stranger', `${count}`))
    await expect(ask('one more', 'stranger', 'one more')).rejects.toBeInstanceOf(QueueFull)
    end()
    await Promise.all(others)
  })

  it('are forgotten when the client is gone', async () => {
    const { served, ask, end } = await busyQueue()
    const client = new AbortController()
    const gone = expect(ask('gone', 'stranger', 'a', client.signal)).rejects.toThrow(/left/)
    const stays = ask('stays', 'stranger', 'b')
    client.abort(new Error('left'))
    await gone
    end()
    await stays
    expect(served).toEqual(['stays'])
  })

  it('of one source take not all places, of a source that nobody can tell they may', async () => {
    const queue = new CallQueue({ ...LIMITS, running: 3, runningStrangers: 3 })
    const enter = (source: string | undefined) => queue.enter({ lane: 'stranger', source, signal: forever })
    const loud = await enter('loud')
    let isIn = false
    const second = enter('loud').then((turn) => {
      isIn = true
      return turn
    })
    const turns = [await enter(undefined), await enter(undefined)]
    expect(isIn).toBe(false)
    loud[Symbol.dispose]()
    for (const turn of [await second, ...turns]) turn[Symbol.dispose]()
  })
})
