import type { JSX } from 'preact'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'

interface RevokeProps {
  readonly machine: string
  /** How people call it. */
  readonly called: string | undefined
  /** The registry speaks to the network through it. */
  readonly isRegistryNode: boolean
  readonly done: () => void
  readonly close: () => void
}

interface RevokeCertificateProps extends Omit<RevokeProps, 'machine' | 'called' | 'isRegistryNode' | 'done'> {
  readonly serial: number
}

/** Revokes one certificate of a machine. */
export function RevokeCertificate({ serial, close }: RevokeCertificateProps): JSX.Element {
  return (
    <Confirm
      title={`Revoke certificate ${serial}?`}
      verb="Revoke"
      danger
      act={() => call('revoke', { body: { serial } })}
      done={`Certificate ${serial} is revoked.`}
      close={close}
    >
      <p>
        Other machines close tunnels made with it as soon as they hear of it. The machine keeps its prefix,
        and may have the certificate that it has now renewed: a machine that was stolen is to be revoked as a
        whole.
      </p>
    </Confirm>
  )
}

/** Shuts out a machine. */
export function Revoke({ machine, called, isRegistryNode, done, close }: RevokeProps): JSX.Element {
  return (
    <Confirm
      title={`Revoke ${called === undefined ? machine : `${called} (${machine})`}?`}
      verb="Revoke"
      danger
      act={() => call('revoke', { body: { machine } }).then(done)}
      done={`${called ?? machine} is revoked.`}
      close={close}
    >
      {isRegistryNode && (
        <p class="warn">
          This is the node of the registry itself. Without it no node hears of changes, this one included:
          until the machine of the registry has joined again, as the next one to do so.
        </p>
      )}
      <p>
        All its certificates are revoked, and other machines close its tunnels as soon as they hear of it, in
        general within minutes. Its prefix is free for another machine.
      </p>
      <p>This cannot be undone: to come back, it has to be invited and to join again.</p>
    </Confirm>
  )
}
