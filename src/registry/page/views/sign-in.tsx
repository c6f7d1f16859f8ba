import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Session } from '../../api/schemas/access.ts'
import { call } from '../api.ts'
import { Field, valuesOf } from '../parts/field.tsx'
import { Problem } from '../parts/problem.tsx'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'

const askMethods = () => call('signInMethods')

/** What happened at the provider, or after it. */
const refused = (): string | undefined =>
  location.hash === '#openid-refused'
    ? 'The provider has not said who you are, or gives you no role here: the log of the registry says why.'
    : undefined

/** Who are you? */
export function SignIn({ signedIn }: { readonly signedIn: (session: Session) => void }): JSX.Element {
  const { answer: methods, problem: unreachable } = useAnswer(askMethods)
  const [problem, setProblem] = useState<string>()
  const signInByCertificate = () =>
    call('certificateSignIn').then(signedIn, (error: unknown) => setProblem(sayWhy(error)))
  const submit = (event: SubmitEvent) => {
    const values = valuesOf(event)
    call('signIn', { body: { name: values.get('name') ?? '', password: values.get('password') ?? '' } }).then(
      signedIn,
      (error: unknown) => setProblem(sayWhy(error)),
    )
  }
  return (
    <main class="narrow">
      <h1>re6stnet registry</h1>
      {methods?.isFirstStart && (
        <p>
          There is no administrator yet. On the registry&apos;s machine, <code>re6st-registry --help</code>{' '}
          says how to make one; <code>re6st-registry init</code> makes a new network.
        </p>
      )}
      <form class="card" onSubmit={submit}>
        <h2>Sign in</h2>
        <Field label="Name">
          <input name="name" required autocomplete="username" />
        </Field>
        <Field label="Password">
          <input name="password" type="password" required autocomplete="current-password" />
        </Field>
        <Problem what={problem ?? unreachable ?? refused()} />
        <button type="submit" class="primary">
          Sign in
        </button>
        {methods?.isCertificate && (
          <button type="button" onClick={signInByCertificate}>
            Sign in with a certificate
          </button>
        )}
        {methods?.openId !== undefined && <a href={methods.openId.url}>Sign in with {methods.openId.name}</a>}
      </form>
      <p>
        <a href="/enrol">Join this network with a machine</a>
      </p>
    </main>
  )
}
