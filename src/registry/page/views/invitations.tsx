import type { JSX } from 'preact'
import { useCallback, useState } from 'preact/hooks'
import type { Invitation, MadeInvitation, NewInvitation } from '../../api/schemas/invitations.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Copyable } from '../parts/copyable.tsx'
import { Field, NumberField, valuesOf } from '../parts/field.tsx'
import { MachineLink } from '../parts/machine-link.tsx'
import { Moment } from '../parts/moment.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import { Problem } from '../parts/problem.tsx'
import { QrCode } from '../parts/qr-code.tsx'
import { ShownOnce } from '../parts/shown-once.tsx'
import { daysFromNow } from '../parts/time.ts'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'
import { useNow } from '../parts/use-now.ts'

/** So many more at a time; the API gives no more than the last at once. */
const PAGE = 200
const MOST = 1_000

/** Who was invited, and inviting. */
export function InvitationsView({ mayInvite }: { readonly mayInvite: boolean }): JSX.Element {
  const [limit, setLimit] = useState(PAGE)
  const asked = useAnswer(useCallback(() => call('invitations', { query: { limit } }), [limit]))
  const { answer, problem, again } = asked
  // Somebody who was invited joins, or another administrator invites.
  useFresh(again)
  const [planned, plan] = useState<NewInvitation>()
  const [made, setMade] = useState<MadeInvitation>()
  const [deleting, setDeleting] = useState<Invitation>()
  const invite = async (wanted: NewInvitation) => setMade(await call('invite', { body: wanted }))
  return (
    <>
      <h1>Invitations</h1>
      <Problem what={problem} />
      {mayInvite && <InvitationForm submit={plan} />}
      {made !== undefined && <Made key={made.token} invitation={made} close={() => setMade(undefined)} />}
      <Asking asked={asked} />
      <ul class="cards">
        {answer?.items.map((invitation) => (
          <li key={invitation.id} class="card">
            <strong>{forWhom(invitation)}</strong>
            <State invitation={invitation} />
            {mayInvite && (
              <button type="button" class="danger" onClick={() => setDeleting(invitation)}>
                Delete…
              </button>
            )}
          </li>
        ))}
      </ul>
      {answer?.items.length === 0 && <p class="notice">Nobody is invited.</p>}
      {answer !== undefined && answer.items.length < answer.total && (
        <p class="notice">
          The latest {numberText(answer.items.length)} of {numberText(answer.total)}.{' '}
          {limit < MOST ? (
            <button type="button" onClick={() => setLimit(Math.min(MOST, limit + PAGE))}>
              Show more
            </button>
          ) : (
            'All of them: re6st-registry invite list'
          )}
        </p>
      )}
      {planned !== undefined && (
        <Confirm
          title="Invite?"
          verb="Invite"
          done="The invitation is made: its link is shown once."
          act={() => invite(planned)}
          close={() => {
            plan(undefined)
            again()
          }}
        >
          <p>
            Whoever has the link may join with{' '}
            {planned.uses === 1 ? 'one machine' : countText(planned.uses ?? 1, 'machine')} until{' '}
            <Moment at={planned.end ?? ''} />. The link is shown once.
          </p>
          <p>{forWhom(planned)}</p>
        </Confirm>
      )}
      {deleting !== undefined && (
        <Confirm
          title="Delete this invitation?"
          verb="Delete"
          danger
          done="The invitation is deleted."
          act={() => call('deleteInvitation', { params: { id: deleting.id } })}
          close={() => {
            setDeleting(undefined)
            again()
          }}
        >
          <p>{forWhom(deleting)}</p>
          <p>Its link is of no use any more. Machines that have joined with it stay.</p>
        </Confirm>
      )}
    </>
  )
}

/** Who may join with it, and as what. */
function forWhom({ uses = 1, machineName, email, community }: NewInvitation): string {
  const parts = [
    ...(machineName === undefined ? [] : [`called ${machineName}`]),
    ...(email === undefined ? [] : [`of ${email}`]),
    ...(community === undefined ? [] : [`in the community ${community}`]),
  ]
  return parts.length === 0
    ? 'For anybody'
    : `For ${uses === 1 ? 'a machine' : 'machines'} ${parts.join(', ')}`
}

function InvitationForm({ submit }: { readonly submit: (wanted: NewInvitation) => void }): JSX.Element {
  const onSubmit = (event: SubmitEvent) => {
    const values = valuesOf(event)
    const text = (name: 'email' | 'community' | 'machineName') => {
      const value = values.get(name) ?? ''
      return value === '' ? {} : { [name]: value }
    }
    submit({
      uses: Number(values.get('uses')),
      end: daysFromNow(Number(values.get('days'))),
      ...text('email'),
      ...text('community'),
      ...text('machineName'),
    })
  }
  return (
    <form class="card grid" onSubmit={onSubmit}>
      <h2>Invite</h2>
      <NumberField label="Machines" name="uses" min={1} max={1000} value={1} />
      <NumberField label="Days" name="days" min={1} max={365} value={14} />
      <Field label="E-mail" hint="of the owner; may be empty">
        <input name="email" type="email" />
      </Field>
      <Field label="Name" hint="how the machine is called here">
        <input name="machineName" maxLength={63} />
      </Field>
      <Field label="Community" hint="first bits of its prefix; empty: by where it is">
        <input name="community" pattern="[01]*" maxLength={128} title="bits, like 0101" />
      </Field>
      <button type="submit" class="primary">
        Invite…
      </button>
    </form>
  )
}

interface MadeProps {
  readonly invitation: MadeInvitation
  readonly close: () => void
}

function Made({ invitation: { link, joinLine }, close }: MadeProps): JSX.Element {
  return (
    <ShownOnce label="New invitation" heading="The invitation, shown once" close={close}>
      {link !== undefined && (
        <>
          <p>
            To send to whoever is invited: a <a href={link}>page</a> that says what to install and to run.
          </p>
          <Copyable text={link} what="the link" />
        </>
      )}
      <p>To run as root on the machine, where re6stnet is installed:</p>
      <Copyable text={joinLine} what="the line" />
      {link !== undefined && <QrCode text={link} label="QR code of the link" />}
    </ShownOnce>
  )
}

/** Whether it can be used, and who has. */
function State({ invitation }: { readonly invitation: Invitation }): JSX.Element {
  const { usesLeft, uses, end, madeAt, madeBy, machines } = invitation
  const hasEnded = Date.parse(end) <= useNow()
  return (
    <p>
      {usesLeft === 0 ? `Used up (${uses})` : `${usesLeft} of ${uses} left`}
      {usesLeft > 0 && (
        <>
          , <span class={hasEnded ? 'bad' : ''}>{hasEnded ? 'ended' : 'until'}</span> <Moment at={end} />
        </>
      )}
      ; made by {madeBy} <Moment at={madeAt} form="ago" />
      {machines.length > 0 && '; used by '}
      {machines.map((name, at) => (
        <span key={name}>
          {at > 0 && ', '}
          <MachineLink name={name} />
        </span>
      ))}
    </p>
  )
}
