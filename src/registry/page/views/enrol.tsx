import type { JSX } from 'preact'
import { useCallback, useState } from 'preact/hooks'
import type { InvitationState } from '../../api/schemas/invitations.ts'
import { call } from '../api.ts'
import { Copyable } from '../parts/copyable.tsx'
import { Field, valuesOf } from '../parts/field.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText } from '../parts/time.ts'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'

const askInformation = () => call('enrolmentInformation')

/** Node.js has to be 20.19 or newer. */
const FROM_SOURCE = ['npm ci && npm run build && npm link'] as const

/** What to install, by distribution. */
const INSTALLING = [
  {
    name: 'Debian and Ubuntu, with the package that the operator of this network gives you',
    lines: ['apt-get install ./re6stnet_*.deb'],
  },
  {
    name: 'Debian and Ubuntu, in a checkout of re6stnet',
    lines: ['apt-get install nodejs npm openvpn iproute2 util-linux', ...FROM_SOURCE],
  },
  {
    name: 'Fedora, in a checkout of re6stnet',
    lines: ['dnf install nodejs npm openvpn iproute util-linux', ...FROM_SOURCE],
  },
  {
    name: 'Arch Linux, in a checkout of re6stnet',
    lines: ['pacman -S nodejs npm openvpn iproute2 util-linux', ...FROM_SOURCE],
  },
] as const

/** `re6st join` writes the option file of the service. */
const STARTING = [
  { name: 'From the package, where systemd starts it at each boot, too', line: 'systemctl start re6stnet' },
  { name: 'From a checkout', line: 'cd /etc/re6stnet && re6stnet @re6stnet.conf' },
] as const

/** Public: how a machine joins the network. A link of an invitation has its token behind the `#`. */
export function Enrol(): JSX.Element {
  const { answer: information, problem } = useAnswer(askInformation)
  const [state, setState] = useState<{ sent?: boolean; problem?: string }>({})
  const token = tokenIn(location.hash)
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
        {INSTALLING.map(({ name, lines }) => (
          <div key={name}>
            <h3>{name}</h3>
            <pre>{lines.join('\n')}</pre>
          </div>
        ))}
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
          <Copyable text={joinLineOf(information, token)} what="the line" />
          <h2>{token === '' && information.isByMail ? '4.' : '3.'} Start the node, as root</h2>
          {STARTING.map(({ name, line }) => (
            <div key={name}>
              <h3>{name}</h3>
              <pre>{line}</pre>
            </div>
          ))}
          <p>It is connected within seconds; this says so, and with which address:</p>
          <pre>re6st status --wait 60</pre>
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
      You are invited, with {usesLeft === 1 ? 'one machine' : `${usesLeft} machines`}, until {dateOfText(end)}{' '}
      (UTC).
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
