import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { MadeNetwork } from '../../api/schemas/setup.ts'
import { call } from '../api.ts'
import { Copyable } from '../parts/copyable.tsx'
import { Field, NumberField, valuesOf } from '../parts/field.tsx'
import { Moment } from '../parts/moment.tsx'
import { Problem } from '../parts/problem.tsx'
import { sayWhy } from '../parts/use-answer.ts'

/** Ten years. */
const DAYS = 3_650
const ASK_AGAIN_MS = 500

/** The first start of a registry: there is no network yet, and one is made here. */
export function Setup(): JSX.Element {
  const [code] = useState(codeOfAddress)
  useEffect(() => {
    document.title = 'A new network – re6stnet registry'
  }, [])
  const [made, setMade] = useState<MadeNetwork>()
  const [isRunning, setRunning] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const submit = (event: SubmitEvent) => {
    const values = valuesOf(event)
    const text = (name: string) => values.get(name) ?? ''
    const [prefix, email] = [text('prefix'), text('email')]
    setBusy(true)
    setProblem(undefined)
    call('makeNetwork', {
      body: {
        code: text('code'),
        ...(prefix === '' ? {} : { prefix }),
        ...(email === '' ? {} : { email }),
        name: text('network'),
        days: Number(text('days')),
        encrypt: values.has('encrypt'),
        administrator: { name: text('name'), password: text('password') },
      },
    }).then(
      (network) => {
        // The code is of no use any more.
        history.replaceState(undefined, '', location.pathname)
        setMade(network)
        untilItRuns().then(
          () => setRunning(true),
          () => {},
        )
      },
      (error: unknown) => {
        setBusy(false)
        setProblem(sayWhy(error))
      },
    )
  }
  if (made) return <Made network={made} isRunning={isRunning} />
  return (
    <main class="narrow">
      <h1>A new network</h1>
      <p>There is no network yet. It is made here, and its registry starts.</p>
      <form class="card" onSubmit={submit}>
        <Field label="Code" hint="as the registry has printed it when it was started">
          <input name="code" required autocomplete="off" defaultValue={code} />
        </Field>
        <Field label="Name of the network" hint="as its certificates say it">
          <input name="network" required maxLength={64} defaultValue="re6st network" />
        </Field>
        <Field label="Prefix" hint="empty: fd and 40 random bits, as RFC 4193 says">
          <input name="prefix" placeholder="2001:db8:42::/48" autocomplete="off" />
        </Field>
        <Field label="E-mail address" hint="whose its mails are; may be empty">
          <input name="email" type="email" />
        </Field>
        <NumberField
          label="Days"
          hint="how long the certificate of its authority is valid"
          name="days"
          min={1}
          max={36_500}
          value={DAYS}
        />
        <Field label="Encrypt tunnels" hint="authenticated they always are">
          <input name="encrypt" type="checkbox" defaultChecked />
        </Field>
        <h2>First administrator</h2>
        <Field label="Administrator" hint="name to sign in with">
          <input name="name" required maxLength={64} autocomplete="username" />
        </Field>
        <Field label="Password" hint="12 characters at least">
          <input name="password" type="password" required minLength={12} autocomplete="new-password" />
        </Field>
        <Problem what={problem} />
        <button type="submit" class="primary" disabled={isBusy}>
          Make the network
        </button>
      </form>
    </main>
  )
}

function Made({
  network: { network, validUntil, fingerprint, next },
  isRunning,
}: {
  readonly network: MadeNetwork
  readonly isRunning: boolean
}): JSX.Element {
  return (
    <main class="narrow">
      <h1>{network}</h1>
      <p role="status">
        {isRunning ? 'The registry serves the network.' : 'The network is made; its registry starts…'} Its
        authority is valid until <Moment at={validUntil} />. Keep a copy of its key in a safe place.
      </p>
      <p>Fingerprint, for whoever joins: {fingerprint}</p>
      <p>This machine must be the first to join. To run as root:</p>
      <Copyable text={next.join('\n')} what="these lines" />
      {isRunning && <a href="/">Sign in</a>}
    </main>
  )
}

/** Resolves when the registry itself answers. */
async function untilItRuns(): Promise<void> {
  for (;;) {
    const { isNeeded } = await call('setup').catch(() => ({ isNeeded: true }))
    // The page of the first start says it, too, as long as it is there.
    const answers =
      !isNeeded &&
      (await call('signInMethods').then(
        () => true,
        () => false,
      ))
    if (answers) return
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}

const codeOfAddress = (): string => /^#setup=([\w-]{1,100})$/.exec(location.hash)?.[1] ?? ''
