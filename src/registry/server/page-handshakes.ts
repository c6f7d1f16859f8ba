import type { Clock } from '../../platform/clock.ts'
import { certificateServer, Handshakes } from './handshakes.ts'
import { LIMITS } from './limits.ts'
import { ReadingTurns } from './reading-turns.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** Makes the TLS connections of the page: certificates are asked for, and chosen, by the authority of administrators. */
export const pageHandshakes = (
  credentials: TlsCredentials,
  clientCertCa: string | undefined,
  clock: Clock,
): Handshakes =>
  new Handshakes({
    server: certificateServer(
      {
        follow: (use) =>
          credentials.follow(({ ca: _, ...own }) =>
            use({ ...own, ...(clientCertCa === undefined ? {} : { ca: clientCertCa }) }),
          ),
      },
      { asksForCertificate: clientCertCa !== undefined, timeoutMs: LIMITS.handshakeTimeoutMs },
    ),
    clock,
    timeoutMs: LIMITS.handshakeTimeoutMs,
    turns: new ReadingTurns({ clock, isStranger: () => true }, LIMITS.handshakes),
  })
