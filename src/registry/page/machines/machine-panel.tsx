import type { JSX } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { MachineDetails } from '../../api/schemas/machines.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Moment } from '../parts/moment.tsx'
import { Problem } from '../parts/problem.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'
import { useRounds } from '../parts/use-rounds.ts'
import { MachineFacts } from './machine-facts.tsx'
import { History } from './machine-history.tsx'
import { Revoke, RevokeCertificate } from './revoke.tsx'
import { Route, Tunnels } from './tunnels.tsx'

interface MachinePanelProps {
  readonly name: string
  readonly mayRevoke: boolean
  /** When it is another, something may have changed of it. */
  readonly seen?: unknown
  /** How a machine is called, as far as that is known here. */
  readonly calledOf?: (name: string) => string | undefined
  /** Looks at another machine. */
  readonly choose: (name: string) => void
  /** Looks at none. */
  readonly close: () => void
  /** It is no machine of the network any more. */
  readonly gone?: () => void
}

/** All that the registry knows of a machine, its history, and what can be done with it. */
export function MachinePanel(props: MachinePanelProps): JSX.Element {
  const { name, mayRevoke, seen, choose, close, gone = close } = props
  const { calledOf = () => undefined } = props
  const heading = useRef<HTMLHeadingElement>(null)
  const before = useRef<Element | null>(null)
  // On a phone it is below what was tapped; who has a keyboard goes on here, and back from here.
  useEffect(() => {
    before.current = document.activeElement
    heading.current?.focus({ preventScroll: true })
  }, [])
  const leave = () => {
    close()
    if (before.current instanceof HTMLElement && before.current.isConnected) before.current.focus()
  }
  const details = useAnswer(useCallback(() => call('machine', { params: { name } }), [name]))
  const history = useAnswer(useCallback(() => call('history', { params: { name } }), [name]))
  const route = useAnswer(useCallback(() => call('route', { params: { name } }), [name]))
  // Ways change also where nothing else does.
  const round = useRounds(true)
  useEffect(route.again, [round, seen])
  const refresh = useCallback(() => {
    details.again()
    history.again()
  }, [details.again, history.again])
  useEffect(refresh, [seen])
  // It is seen, or gone, while one looks.
  useFresh(refresh)
  const [revoking, setRevoking] = useState(false)
  const machine = details.answer
  const isThere = machine !== undefined
  // As long as nothing of it is there, there may be nothing to scroll.
  useEffect(() => {
    const { top = 0 } = heading.current?.getBoundingClientRect() ?? {}
    if (isThere && (top < 0 || top > innerHeight / 2)) heading.current?.scrollIntoView()
  }, [isThere])
  const called = machine?.machineName ?? calledOf(name)
  const link = (other: string) => (
    <button type="button" class="link" onClick={() => choose(other)}>
      {calledOf(other) === undefined ? other : `${calledOf(other)} (${other})`}
    </button>
  )
  return (
    <section class="details" aria-label={`Machine ${name}`}>
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {called === undefined ? name : `${called} (${name})`}
        </h2>
        <button type="button" onClick={leave}>
          Close
        </button>
      </header>
      <Problem what={details.problem ?? history.problem ?? route.problem} />
      <Asking asked={details} />
      {machine !== undefined && (
        <>
          <MachineFacts machine={machine} />
          <Route route={route.answer} isAsking={route.problem === undefined} link={link} />
          <Tunnels tunnels={machine.tunnels} link={link} />
          <Certificates issued={machine.issued} mayRevoke={mayRevoke} changed={details.again} />
        </>
      )}
      {history.answer !== undefined && <History history={history.answer} />}
      {mayRevoke && machine !== undefined && (
        <div class="buttons">
          <button type="button" class="danger" onClick={() => setRevoking(true)}>
            Revoke…
          </button>
        </div>
      )}
      {revoking && machine !== undefined && (
        <Revoke
          machine={name}
          called={called}
          isRegistryNode={machine.isRegistryNode}
          done={gone}
          close={() => setRevoking(false)}
        />
      )}
    </section>
  )
}

interface CertificatesProps {
  readonly issued: MachineDetails['issued']
  readonly mayRevoke: boolean
  readonly changed: () => void
}

function Certificates({ issued, mayRevoke, changed }: CertificatesProps): JSX.Element {
  const [serial, setSerial] = useState<number>()
  return (
    <>
      <h3>Certificates that are valid still</h3>
      <ul class="unbounded">
        {issued.map((one) => (
          <li key={one.serial}>
            {one.serial}, until <Moment at={one.notAfter} />
            {one.isRevoked && ', revoked'}{' '}
            {mayRevoke && !one.isRevoked && (
              <button type="button" class="link" onClick={() => setSerial(one.serial)}>
                Revoke certificate {one.serial}…
              </button>
            )}
          </li>
        ))}
      </ul>
      {issued.length === 0 && <p>None.</p>}
      {serial !== undefined && (
        <RevokeCertificate
          serial={serial}
          close={() => {
            setSerial(undefined)
            changed()
          }}
        />
      )}
    </>
  )
}
