import type { JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import type { InvitationState } from '../../api/schemas/invitations.ts'
import { call } from '../api.ts'
import { Copyable } from '../parts/copyable.tsx'
import { Field, valuesOf } from '../parts/field.tsx'
import { Moment } from '../parts/moment.tsx'
import { useHash } from '../parts/place.ts'
import { Problem } from '../parts/problem.tsx'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'
import { Installing, Starting } from './installing.tsx'

const askInformation = () => call('enrolmentInformation')

/** Public: how a machine joins the network. A link of an invitation has its token behind the `#`. */
export function Enrol(): JSX.Element {
  const { answer: information, problem } = useAnswer(askInformation)
  useEffect(() => {
    document.title = 'Join this network – re6stnet'
  }, [])
  const [state, setState] = useState<{ sent?: boolean; problem?: string }>({})
  // Another link in the same tab is no other page: only what is behind the `#` changes.
  const token = tokenIn(useHash())
  const invitation = useAnswer(
    useCallback(
      async () => (token === '' ? undefined : await call('invitationState', { body: { token } })),
      [token],
    ),
  )
  const ask = (event: SubmitEvent) => {
    call('requestToken', { body: { email: valuesOf(event).get('email') ?? '' } }).then(
      () => setState({ sent: true }),
      (error: unknown) => setState({ problem: sayWhy(error) }),
    )
  }
  return (
    <main class="narrow">
      <h1>Join this network</h1>
      <Problem what={problem ?? invitation.problem} />
      {invitation.answer !== undefined && <Invited invitation={invitation.answer} />}
      <section class="card">
        <h2>1. Install re6stnet</h2>
        <Installing />
      </section>
      {token === '' && information?.isByMail && (
        <form class="card" onSubmit={ask}>
          <h2>2. Ask for a token</h2>
          <Field label="Your e-mail address" hint="A token that can be used once is sent there.">
            <input name="email" type="email" required autocomplete="email" />
          </Field>
          <Problem what={state.problem} />
          {state.sent ? (
            <p role="status">If this address may join, a token is on its way.</p>
          ) : (
            <button type="submit" class="primary">
              Send me a token
            </button>
          )}
        </form>
      )}
      {information !== undefined && (
        <section class="card">
          <h2>{token === '' && information.isByMail ? '3.' : '2.'} Join, as root</h2>
          {token === '' && !information.isByMail && !information.isAnonymous && (
            <p>It asks for a token: the operator of this network gives it to you, or a link with it.</p>
          )}
          <p>The fingerprint in it proves that it is this network, and no other, that the machine joins.</p>
          <Copyable text={joinLineOf(information, token)} what="the line to join" />
          <h2>{token === '' && information.isByMail ? '4.' : '3.'} Start the node, as root</h2>
          <Starting />
        </section>
      )}
      <p>
        <a href="/">For administrators</a>
      </p>
    </main>
  )
}

/** Before anything is installed: whether it leads anywhere. */
function Invited({
  invitation: { isUsable, usesLeft, end },
}: {
  readonly invitation: InvitationState
}): JSX.Element {
  if (!isUsable || end === undefined)
    return (
      <Problem what="This invitation cannot be used: it was used up or deleted, or has ended. Ask whoever has sent it for another." />
    )
  return (
    <p>
      You are invited, with {usesLeft === 1 ? 'one machine' : `${usesLeft} machines`}, until{' '}
      <Moment at={end} />.
    </p>
  )
}

/** Whoever makes a link must not have others run anything: only what a token may be is one. */
function tokenIn(hash: string): string {
  return /^#([A-Za-z0-9_-]{1,200})$/.exec(hash)?.[1] ?? ''
}

type Information = Awaited<ReturnType<typeof askInformation>>

/** Without a token, `re6st join` asks for the one that was mailed. */
function joinLineOf({ registryUrl, fingerprint, isAnonymous, isByMail }: Information, token: string): string {
  const line = `re6st join --registry ${registryUrl} --fingerprint ${fingerprint}`
  if (token !== '') return `${line} --token ${token}`
  return isAnonymous && !isByMail ? `${line} --anonymous` : line
}
