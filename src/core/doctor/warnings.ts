import type { Finding } from './finding.ts'
import type { ConnectionFacts } from './neighbours.ts'

const NOT_ENCRYPTED: Finding = {
  code: 'not-encrypted',
  what: 'tunnels of this network are not encrypted: whoever is on the way between two machines can read and change what passes',
  remedy: 'ask the operator of the network to start the registry with --encrypt, when all nodes can',
}

/** What works, and should be known. */
export const warningsOf = ({
  isEncrypted,
  draining,
}: Pick<ConnectionFacts, 'isEncrypted' | 'draining'>): Finding[] => [
  ...(draining === null
    ? []
    : [
        {
          code: 'draining',
          what: `since ${draining}, other nodes take ways that do not lead over this one, because somebody said "re6st drain"`,
          remedy: 'when the maintenance is over: re6st drain --undo',
        } as const,
      ]),
  ...(isEncrypted ? [] : [NOT_ENCRYPTED]),
]
