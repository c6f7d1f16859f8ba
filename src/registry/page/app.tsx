import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Role } from '../../core/values/roles.ts'
import type { Session } from '../api/schemas/access.ts'
import type { PairState } from '../api/schemas/standby.ts'
import { ApiFailure, beginSession, call, sessionEvents } from './api.ts'
import { MachinesView } from './machines/machines-view.tsx'
import { forgetUnsealed } from './map/position-store.ts'
import { Announcements } from './parts/announcements.tsx'
import { focusHeading } from './parts/focus-heading.ts'
import { PairNotice } from './parts/pair-notice.tsx'
import { usePlace } from './parts/place.ts'
import { Problem } from './parts/problem.tsx'
import { zoneOf } from './parts/time.ts'
import { UpgradeNotice } from './parts/upgrade-notice.tsx'
import { type Asked, sayWhy } from './parts/use-answer.ts'
import { useNow } from './parts/use-now.ts'
import { usePair } from './parts/use-pair.ts'
import { TopBar } from './top-bar.tsx'
import { TITLES, type View, viewNamed, viewsFor } from './view-names.ts'
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
  const place = usePlace()
  const ended = useRef(false)
  const take = (session: Session) => {
    beginSession(session.csrfToken)
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
  useEffect(forgetUnsealed, [])
  const { state } = login
  useEffect(() => {
    if (state !== 'in') document.title = 're6stnet registry'
  }, [state])
  if (login.state === 'asking') return <Beginning problem={problem} begin={begin} />
  if (login.state === 'first start') return <Setup />
  if (login.state === 'out') return <SignIn signedIn={signedIn} />
  const { session, hasEnded } = login
  const { role, name } = session
  const view = viewNamed(place.view)
  const leave = () => {
    setProblem(undefined)
    setLogin({ state: 'out' })
    // What was looked at, as a machine, is nobody else's to read.
    location.replace('#')
    forgetUnsealed()
  }
  const signedOut = () => {
    // All tabs have the same session: none of them goes on as if it lived.
    tabs.postMessage('signed out')
    leave()
  }
  const signOut = () =>
    call('signOut').then(signedOut, (error: unknown) =>
      // Who is signed in no more is out.
      statusOf(error) === 401 ? leave() : setProblem(sayWhy(error)),
    )
  return (
    <>
      <TopBar {...{ session, view, signOut, problem }} />
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
  const now = useNow()
  const isFirst = useRef(true)
  useEffect(() => {
    const timer = setInterval(() => call('session').catch(() => {}), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  useEffect(() => {
    document.title = `${TITLES[view]} – re6stnet registry`
    // As after the load of another page: who has no mouse, or hears the page, begins at its beginning.
    if (!isFirst.current) {
      scrollTo(0, 0)
      focusHeading()
    }
    isFirst.current = false
  }, [view])
  return (
    <>
      <UpgradeNotice />
      <PairNotice pair={pair.answer} />
      <main>
        <ViewOf view={view} session={session} pair={pair} />
      </main>
      <footer class="bottom">Times are those of this browser: {zoneOf(now)}. Logs have UTC.</footer>
      <Announcements />
    </>
  )
}

function NotFor({ role, view }: { readonly role: Role; readonly view: View }): JSX.Element {
  return (
    <>
      <h1>{TITLES[view]}</h1>
      <p class="card">This is for the role administer only: you have the role {role}.</p>
    </>
  )
}

function ViewOf({ view, session, pair }: SignedInProps & { readonly pair: Asked<PairState> }): JSX.Element {
  const { role, storageKey } = session
  const mayAdminister = role === 'administer'
  // As by a link that somebody else has sent.
  if (!viewsFor(role).includes(view)) return <NotFor role={role} view={view} />
  switch (view) {
    case 'network':
      return <NetworkView mayRevoke={mayAdminister} storageKey={storageKey} />
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
      return <AdministratorsView session={session} />
  }
}
