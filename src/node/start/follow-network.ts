import type { CleanUp } from '../../platform/clean-up.ts'
import type { Advertisement } from '../advertisement.ts'
import type { Tunnels } from '../tunnels/tunnels.ts'
import type { Foundation } from './foundation.ts'

interface FollowInit {
  readonly cleanUp: CleanUp
  readonly foundation: Pick<Foundation, 'ownNetwork' | 'onClockSet'>
  readonly advertisement: Pick<Advertisement, 'networkChanged'>
  readonly tunnels: Pick<Tunnels, 'networkChanged' | 'clockSet'>
}

/**
 * Tells tunnels, and what we say of ourselves, from their beginning on that the machine's own network is another one, that it slept,
 * or that its clock was set: nobody goes on waiting for what was begun at another place, or in another time. Whoever asks the
 * registry was told before them, and gets an answer.
 */
export function followOwnNetwork({ cleanUp, foundation, advertisement, tunnels }: FollowInit): void {
  const { ownNetwork, onClockSet } = foundation
  onClockSet(() => tunnels.clockSet())
  cleanUp.use(
    ownNetwork.watch(() => {
      advertisement.networkChanged()
      tunnels.networkChanged()
    }),
  )
}
