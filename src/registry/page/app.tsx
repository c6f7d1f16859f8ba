import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Session } from '../api/schemas/access.ts'
import type { PairState } from '../api/schemas/standby.ts'
import { ApiFailure, call, sessionEvents, useCsrfToken } from './api.ts'
import { MachinesView } from './machines/machines-view.tsx'
import { PairNotice } from './parts/pair-notice.tsx'
import { Problem } from './parts/problem.tsx'
import { type Asked, sayWhy } from './parts/use-answer.ts'
import { usePair } from './parts/use-pair.ts'
import { AdministratorsView } from './views/administrators.tsx'
import { AuditView } from './views/audit.tsx'
import { AuthorityView } from './views/authority.tsx'
import { ConfigurationView } from './views/configuration.tsx'
import { InvitationsView } from './views/invitations.tsx'
import { KeysView } from './views/keys.tsx'
import { NetworkView } from './views/network.tsx'
import { RegistryView } from './views/registry.tsx'
import { Setup } from './views/setup.tsx'
import { SignIn, SignInAgain } from './views/sign-in.tsx'
import { TokensView } from './views/tokens.tsx'

const VIEWS = [
  'network',
  'machines',
  'invitations',
  'keys',
  'authority',
  'configuration',
  'registry',
  'audit',
  'tokens',
  'administrators',
] as const
type View = (typeof VIEWS)[number]
const TITLES: Readonly<Record<View, string>> = {
  network: 'Network',
  machines: 'Machines',
  invitations: 'Invitations',
  keys: 'Keys',
  authority: 'Authority',
  configuration: 'Configuration',
  registry: 'Registry',
  audit: 'Audit log',
  tokens: 'Tokens',
  administrators: 'Administrators',
}
/** What is for the role `administer` only. */
const ADMINISTERED: readonly View[] = ['tokens', 'administrators']

type Login =
  | { readonly state: 'asking' }
  /** There is no network yet. */
  | { readonly state: 'first start' }
  | { readonly state: 'out' }
  /** What is shown stays there when the session has ended: somebody may be writing something. */
  | { readonly state: 'in'; readonly session: Session; readonly hasEnded: boolean }

/** Other tabs of this browser, which have the same session. */
const tabs = new BroadcastChannel('re6st-session')

/** The page of administrators. */
export function App(): JSX.Element {
  const [login, setLogin] = useState<Login>({ state: 'asking' })
  const [problem, setProblem] = useState<string>()
  const view = useView()
  const ended = useRef(false)
  const take = (session: Session) => {
    useCsrfToken(session.csrfToken)
    setLogin({ state: 'in', session, hasEnded: false })
    if (ended.current) sessionEvents.dispatchEvent(new Event('begun'))
    ended.current = false
  }
  const signedIn = (session: Session) => {
    take(session)
    tabs.postMessage('signed in')
  }
  useEffect(() => {
    const end = () => {
      ended.current = true
      setLogin((before) => (before.state === 'in' ? { ...before, hasEnded: true } : before))
    }
    // The session of all tabs is another now: also of one that has asked to sign in, at a provider, in another tab.
    const look = () => call('session').then(take, () => {})
    sessionEvents.addEventListener('ended', end)
    tabs.addEventListener('message', look)
    return () => {
      sessionEvents.removeEventListener('ended', end)
      tabs.removeEventListener('message', look)
    }
  }, [])
  const begin = () => {
    setProblem(undefined)
    call('session').then(signedIn, (error: unknown) => {
      const status = statusOf(error)
      if (status === 401) setLogin({ state: 'out' })
      else if (status === 503)
        call('setup').then(
          ({ isNeeded }) => (isNeeded ? setLogin({ state: 'first start' }) : setProblem(sayWhy(error))),
          () => setProblem(sayWhy(error)),
        )
      else setProblem(sayWhy(error))
    })
  }
  useEffect(begin, [])
  if (login.state === 'asking') return <Beginning problem={problem} begin={begin} />
  if (login.state === 'first start') return <Setup />
  if (login.state === 'out') return <SignIn signedIn={signedIn} />
  const { session, hasEnded } = login
  const { role, name } = session
  const leave = () => {
    setProblem(undefined)
    setLogin({ state: 'out' })
  }
  const signOut = () =>
    call('signOut').then(leave, (error: unknown) =>
      // Who is signed in no more is out.
      statusOf(error) === 401 ? leave() : setProblem(sayWhy(error)),
    )
  return (
    <>
      <header class="top">
        <strong>re6stnet registry</strong>
        <nav aria-label="Views">
          {VIEWS.filter((one) => role === 'administer' || !ADMINISTERED.includes(one)).map((one) => (
            <a key={one} href={`#${one}`} aria-current={one === view ? 'page' : undefined}>
              {TITLES[one]}
            </a>
          ))}
        </nav>
        <span class="who">
          {name} ({role}){' '}
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        </span>
        <Problem what={problem} />
      </header>
      <SignedIn key={`${name} ${role}`} view={view} session={session} />
      {hasEnded && <SignInAgain session={session} signedIn={signedIn} leave={leave} />}
    </>
  )
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof ApiFailure ? error.status : undefined

/** The registry is asked who is there. */
function Beginning({
  problem,
  begin,
}: {
  readonly problem: string | undefined
  readonly begin: () => void
}): JSX.Element {
  return (
    <main class="narrow">
      <h1>re6stnet registry</h1>
      {problem === undefined ? (
        <p role="status">Asking the registry…</p>
      ) : (
        <>
          <Problem what={problem} />
          <button type="button" onClick={begin}>
            Try again
          </button>
        </>
      )}
    </main>
  )
}

interface SignedInProps {
  readonly view: View
  readonly session: Session
}

/** So often it is asked whether the session lives still: by whoever does something, it is kept alive. */
const LOOK_MS = 60_000

function SignedIn({ view, session }: SignedInProps): JSX.Element {
  const pair = usePair()
  useEffect(() => {
    const timer = setInterval(() => call('session').catch(() => {}), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  useEffect(() => {
    document.title = `${TITLES[view]} – re6stnet registry`
  }, [view])
  return (
    <>
      <PairNotice pair={pair.answer} />
      <main>
        <ViewOf view={view} session={session} pair={pair} />
      </main>
    </>
  )
}

function ViewOf({
  view,
  session: { role },
  pair,
}: SignedInProps & { readonly pair: Asked<PairState> }): JSX.Element {
  const mayAdminister = role === 'administer'
  switch (view) {
    case 'network':
      return <NetworkView mayRevoke={mayAdminister} />
    case 'machines':
      return <MachinesView mayRevoke={mayAdminister} />
    case 'invitations':
      return <InvitationsView mayInvite={role !== 'look'} />
    case 'keys':
      return <KeysView mayAdminister={mayAdminister} />
    case 'authority':
      return <AuthorityView />
    case 'configuration':
      return <ConfigurationView mayAdminister={mayAdminister} />
    case 'registry':
      return <RegistryView mayAdminister={mayAdminister} pair={pair} />
    case 'audit':
      return <AuditView />
    case 'tokens':
      return <TokensView />
    case 'administrators':
      return <AdministratorsView />
  }
}

/** The view that the address names. */
function useView(): View {
  const [view, setView] = useState<View>(viewOf)
  useEffect(() => {
    const changed = () => setView(viewOf())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return view
}

const viewOf = (): View => VIEWS.find((one) => `#${one}` === location.hash) ?? 'network'
