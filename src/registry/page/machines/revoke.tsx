import type { JSX } from 'preact'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'

interface RevokeProps {
  readonly machine: string
  readonly done: () => void
  readonly close: () => void
}

/** Shuts out a machine. */
export function Revoke({ machine, done, close }: RevokeProps): JSX.Element {
  return (
    <Confirm
      title={`Revoke ${machine}?`}
      verb="Revoke"
      danger
      act={() => call('revoke', { body: { machine } }).then(done)}
      close={close}
    >
      <p>
        All its certificates are revoked, and other machines close its tunnels as soon as they hear of it, in
        general within minutes. Its prefix is free for another machine.
      </p>
      <p>This cannot be undone: to come back, it has to be invited and to join again.</p>
    </Confirm>
  )
}
