import { createHash, type KeyObject } from 'node:crypto'
import type { ListenPlace } from '../../core/options/value-types.ts'
import type { Following, PeerState } from '../../core/standby/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import { listen } from '../server/listen.ts'
import { type Peer, peerServer } from './peer-link.ts'
import type { PeerEvent, PeerStream } from './peer-stream.ts'

/** A registry of a pair: where the other is, and where it is answered itself. */
export interface PairSettings {
  readonly peer: Peer
  readonly listen: ListenPlace
}

/** What answers the other one. */
export interface PeerAnswers {
  readonly state: () => PeerState
  readonly follow: (stream: PeerStream, following: Following) => void
}

/** Answers the other registry of the pair. @throws Re6stError `SYSTEM` when it cannot be listened there */
export async function answerPeer(
  { peer, listen: place }: PairSettings,
  clock: Pick<Clock, 'after' | 'monotonicMs'>,
  { state, follow }: PeerAnswers,
): Promise<Disposable & { readonly port: number }> {
  const server = peerServer(peer.secret, clock, (stream) => {
    const begin = (event: PeerEvent | undefined) => {
      switch (event?.kind) {
        case 'ask':
          return stream.finish({ kind: 'state', state: state() })
        case 'follow':
          return follow(stream, event.following)
        default:
          return stream.end('it begins with something else')
      }
    }
    stream.next().then(begin, () => stream.end('it cannot be answered'))
  })
  const port = await listen(server, place)
  return { port, [Symbol.dispose]: () => server[Symbol.dispose]() }
}

/** What both registries of a pair must have the same of: it stays when the authority's certificate is renewed. */
export const keyHash = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
