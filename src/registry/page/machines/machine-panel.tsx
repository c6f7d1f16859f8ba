import type { JSX } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { MachineRoute } from '../../api/schemas/machines.ts'
import { call } from '../api.ts'
import { type Fact, Facts } from '../parts/facts.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText } from '../parts/time.ts'
import { useAnswer } from '../parts/use-answer.ts'
import { useRounds } from '../parts/use-rounds.ts'
import { Availability, describeAvailability } from './availability.tsx'
import { Revoke, RevokeCertificate } from './revoke.tsx'

interface MachinePanelProps {
  readonly name: string
  readonly mayRevoke: boolean
  /** When it is another, something may have changed of it. */
  readonly seen?: unknown
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
  useEffect(() => {
    details.again()
    history.again()
  }, [seen])
  const [revoking, setRevoking] = useState(false)
  const [serial, setSerial] = useState<number>()
  const machine = details.answer
  const isThere = machine !== undefined
  // As long as nothing of it is there, there may be nothing to scroll.
  useEffect(() => {
    const { top = 0 } = heading.current?.getBoundingClientRect() ?? {}
    if (isThere && (top < 0 || top > innerHeight / 2)) heading.current?.scrollIntoView()
  }, [isThere])
  const link = (other: string) => (
    <button type="button" class="link" onClick={() => choose(other)}>
      {other}
    </button>
  )
  const days = history.answer?.availability ?? []
  const facts: readonly Fact[] =
    machine === undefined
      ? []
      : [
          ['Network', machine.subnet],
          ['Address', machine.address],
          ['Called', machine.machineName],
          ['E-mail', machine.email],
          ['State', machine.state],
          ['Version', machine.version],
          ['Platform', machine.platform],
          ['Community', machine.community],
          ['Country', machine.place.country],
          ['Serial', String(machine.serial)],
          ['Certificate from', dateOfText(machine.notBefore)],
          ['Certificate until', dateOfText(machine.notAfter)],
          ['Fingerprint', machine.fingerprint],
          ['Last seen', machine.lastSeen && dateOfText(machine.lastSeen)],
          ['Seen at', machine.addresses.join(', ') || undefined],
        ]
  return (
    <section class="details" aria-label={`Machine ${name}`}>
      <header>
        <h2 ref={heading} tabIndex={-1}>
          {name}
        </h2>
        <button type="button" onClick={leave}>
          Close
        </button>
      </header>
      <Problem what={details.problem ?? history.problem ?? route.problem} />
      <Facts facts={facts} />
      {machine !== undefined && (
        <>
          <h3>Route from the registry</h3>
          <Route route={route.answer} link={link} />
          <h3>Tunnels ({machine.tunnels.length})</h3>
          <ul>
            {machine.tunnels.map(({ peer, direction }) => (
              <li key={`${direction} ${peer}`}>
                {direction === 'outgoing' ? 'opened to' : 'accepted from'} {link(peer)}
              </li>
            ))}
          </ul>
        </>
      )}
      {machine !== undefined && (
        <>
          <h3>Certificates that are valid still</h3>
          <ul>
            {machine.issued.map((one) => (
              <li key={one.serial}>
                {one.serial}, until {dateOfText(one.notAfter)}
                {one.isRevoked && ', revoked'}{' '}
                {mayRevoke && !one.isRevoked && (
                  <button type="button" class="link" onClick={() => setSerial(one.serial)}>
                    Revoke certificate {one.serial}…
                  </button>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>Last 90 days</h3>
      <Availability days={days} />
      <p class="notice">{describeAvailability(days)}</p>
      <ul class="history">
        {history.answer?.events.map(({ at, kind, detail }) => (
          <li key={`${at} ${kind}`}>
            <time dateTime={at}>{dateOfText(at)}</time> {kind} {detail}
          </li>
        ))}
      </ul>
      {mayRevoke && machine !== undefined && (
        <button type="button" class="danger" onClick={() => setRevoking(true)}>
          Revoke…
        </button>
      )}
      {serial !== undefined && (
        <RevokeCertificate
          serial={serial}
          close={() => {
            setSerial(undefined)
            details.again()
          }}
        />
      )}
      {revoking && machine !== undefined && (
        <Revoke
          machine={name}
          isRegistryNode={machine.isRegistryNode}
          done={gone}
          close={() => setRevoking(false)}
        />
      )}
    </section>
  )
}

/** The way of packets, as the nodes on it say. */
function Route({
  route,
  link,
}: {
  readonly route: MachineRoute | undefined
  readonly link: (name: string) => JSX.Element
}): JSX.Element {
  if (route === undefined) return <p>Asking the nodes on it…</p>
  return (
    <>
      <ol>
        {route.hops.map(({ name, by, linkMs }) => (
          <li key={name}>
            {link(name)}
            {linkMs !== undefined && ` ${linkMs.toFixed(1)} ms`}
            {by === 'tunnels' && ' (guessed)'}
          </li>
        ))}
      </ol>
      {route.problem !== undefined && <p class="notice">{route.problem}.</p>}
    </>
  )
}
