import { inBackground } from '../../platform/background.ts'
import type { Logger } from '../../platform/log.ts'
import type { Identity } from '../identity.ts'
import { Renewal } from '../renewal.ts'
import type { Foundation } from './foundation.ts'
import type { Membership } from './membership.ts'
import type { NodeComponents, NodeEnd } from './node-components.ts'

interface KeepInit extends Pick<NodeComponents, 'clock'> {
  readonly foundation: Pick<Foundation, 'files' | 'identity' | 'registry' | 'revocation'>
  readonly membership: Pick<Membership, 'messages' | 'tunnels' | 'onCutOff'>
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onEnd: (reason: NodeEnd) => void
}

/** Has our certificate and the CA's renewed when they are due, and the new ones used everywhere. */
export function keepIdentity({ clock, foundation, membership, log, signal, onEnd }: KeepInit): Renewal {
  const { files, identity, registry, revocation } = foundation
  const { messages, tunnels, onCutOff } = membership
  const use = (next: Identity) => {
    const { certificate, authority } = identity.current
    const isRevoked = revocation.isRevoked(certificate.serial)
    identity.replace(next)
    registry.setIdentity(identity.caller)
    messages.setIdentity()
    tunnels.identityRenewed(isRevoked ? 0 : Math.min(certificate.notAfterMs, authority.notAfterMs))
  }
  const renewal = new Renewal(
    { registry, clock, log, isRevoked: ({ serial }) => revocation.isRevoked(serial) },
    files,
    () => identity.current,
    (renewed) => {
      const before = identity.current
      log.info({ kind: renewed.kind }, 'renewed')
      if (renewed.kind === 'certificate') use({ ...before, certificate: renewed.certificate })
      // The serial of the CA is the network: with another one, everything begins anew.
      else if (renewed.authority.network !== before.authority.network) onEnd('restart')
      else use({ ...before, authority: renewed.authority })
    },
  )
  // The network may have moved on to another prefix, which the CA's certificate says, if that is due.
  onCutOff(() => renewal.lookNow())
  inBackground(log, 'renewal', renewal.run(signal), signal)
  return renewal
}
