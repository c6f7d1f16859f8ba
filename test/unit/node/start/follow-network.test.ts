import { expect, it } from 'vitest'
import { followOwnNetwork } from '../../../../src/node/start/follow-network.ts'
import { CleanUp } from '../../../../src/platform/clean-up.ts'

function rig() {
  const told: string[] = []
  let moved: (() => void) | undefined
  let clockSet = () => {}
  const tell = (what: string) => () => void told.push(what)
  const cleanUp = new CleanUp()
  const parts = {
    cleanUp,
    foundation: {
      ownNetwork: {
        watch(watcher: () => void) {
          moved = watcher
          return {
            [Symbol.dispose]() {
              moved = undefined
            },
          }
        },
      },
      onClockSet(listener: () => void) {
        clockSet = listener
      },
    },
    advertisement: { networkChanged: tell('advertisement') },
    tunnels: { networkChanged: tell('tunnels'), clockSet: tell('tunnels: clock') },
  }
  followOwnNetwork(parts as unknown as Parameters<typeof followOwnNetwork>[0])
  return { told, cleanUp, move: () => moved?.(), setClock: () => clockSet() }
}

it('tells each that waits of another network of the machine, until the node stops', async () => {
  const { told, move, cleanUp } = rig()
  move()
  expect(told).toEqual(['advertisement', 'tunnels'])
  await cleanUp[Symbol.asyncDispose]()
  move()
  expect(told).toHaveLength(2)
})

it('tells the tunnels of a clock that was set', () => {
  const { told, setClock } = rig()
  setClock()
  expect(told).toEqual(['tunnels: clock'])
})
