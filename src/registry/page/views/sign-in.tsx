import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Session, SignInMethods } from '../../api/schemas/access.ts'
import { call } from '../api.ts'
import { Field, valuesOf } from '../parts/field.tsx'
import { Problem } from '../parts/problem.tsx'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'
import { useModal } from '../parts/use-modal.ts'

const askMethods = () => call('signInMethods')

/** What happened at the provider, or after it. */
const refused = (): string | undefined =>
  location.hash === '#openid-refused'
    ? 'The provider has not said who you are, or gives you no role here: the log of the registry says why.'
    : undefined

/** Who are you? */
export function SignIn({ signedIn }: { readonly signedIn: (session: Session) => void }): JSX.Element {
  const { answer: methods, problem } = useAnswer(askMethods)
  return (
    <main class="narrow">
      <h1>re6stnet registry</h1>
      {methods?.isFirstStart && (
        <>
          <p>There is no administrator yet. On the registry&apos;s machine, this makes one:</p>
          <pre>re6st-registry admin add --name NAME --role administer</pre>
        </>
      )}
      <section class="card">
        <h2>Sign in</h2>
        <SignInForm methods={methods} problem={problem ?? refused()} signedIn={signedIn} />
      </section>
      <p>
        <a href="/enrol">Join this network with a machine</a>
      </p>
    </main>
  )
}

/** The session has ended, while something is shown that whoever signs in again can go on with. */
export function SignInAgain({
  session: { name, by },
  signedIn,
  leave,
}: {
  readonly session: Session
  readonly signedIn: (session: Session) => void
  readonly leave: () => void
}): JSX.Element {
  const { answer: methods, problem } = useAnswer(askMethods)
  const dialog = useModal()
  // Escape must not drop what is written below, nor close a question there: a browser asks no dialog about a key that is taken.
  useEffect(() => {
    const take = (event: KeyboardEvent) => {
      if (event.key === 'Escape') event.preventDefault()
    }
    addEventListener('keydown', take, { capture: true })
    return () => removeEventListener('keydown', take, { capture: true })
  }, [])
  // The gesture of a phone is no key; a second one in a row, no browser lets us refuse.
  const stay = () => {
    if (dialog.current?.isConnected) dialog.current.showModal()
  }
  return (
    <dialog
      ref={dialog}
      aria-labelledby="again-title"
      onCancel={(event) => event.preventDefault()}
      onClose={stay}
    >
      <h2 id="again-title">The session has ended</h2>
      <p>Sign in again to go on where you are. Who leaves drops what is written there.</p>
      <SignInForm
        methods={methods}
        problem={problem}
        signedIn={signedIn}
        name={by === 'openid' ? '' : name}
        isBesides
      />
      <div class="buttons">
        <button type="button" onClick={leave}>
          Leave
        </button>
      </div>
    </dialog>
  )
}

interface SignInFormProps {
  readonly methods: SignInMethods | undefined
  readonly problem: string | undefined
  readonly signedIn: (session: Session) => void
  /** Who it was. */
  readonly name?: string
  /** Beside something that must not be left. */
  readonly isBesides?: boolean
}

function SignInForm({
  methods,
  problem: before,
  signedIn,
  name = '',
  isBesides = false,
}: SignInFormProps): JSX.Element {
  const [problem, setProblem] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  // Where one goes on writing: who it was is written already. A dialog that opens later has it by itself, as it is said to.
  const isFirst = name === ''
  useEffect(() => {
    form.current?.querySelector<HTMLInputElement>('[autofocus]')?.focus()
  }, [])
  const failed = (error: unknown) => {
    setBusy(false)
    setProblem(sayWhy(error))
    form.current?.querySelector<HTMLInputElement>('[name=password]')?.select()
  }
  const begin = () => {
    setBusy(true)
    setProblem(undefined)
  }
  const signInByCertificate = () => {
    begin()
    call('certificateSignIn').then(signedIn, failed)
  }
  const submit = (event: SubmitEvent) => {
    const values = valuesOf(event)
    begin()
    call('signIn', { body: { name: values.get('name') ?? '', password: values.get('password') ?? '' } }).then(
      signedIn,
      failed,
    )
  }
  return (
    <form ref={form} onSubmit={submit}>
      <Field label="Name">
        <input name="name" required autocomplete="username" defaultValue={name} autofocus={isFirst} />
      </Field>
      <Field label="Password">
        <input
          name="password"
          type="password"
          required
          autocomplete="current-password"
          autofocus={!isFirst}
        />
      </Field>
      <Problem what={problem ?? before} />
      <div class="buttons">
        {methods?.openId !== undefined && (
          <a href={methods.openId.url} {...(isBesides ? { target: '_blank' } : {})}>
            Sign in with {methods.openId.name}
            {isBesides && ', in another tab'}
          </a>
        )}
        {methods?.isCertificate && (
          <button type="button" disabled={isBusy} onClick={signInByCertificate}>
            Sign in with a certificate
          </button>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
      </div>
    </form>
  )
}
