import type { JSX } from 'preact'
import type { AuthorityState } from '../../api/schemas/authority.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Facts } from '../parts/facts.tsx'
import { MachineLinks } from '../parts/machine-link.tsx'
import { Moment } from '../parts/moment.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import { Problem } from '../parts/problem.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

const askAuthority = () => call('authority')

/** The authority of the network, and which machines have its present certificate. */
export function AuthorityView(): JSX.Element {
  const asked = useAnswer(askAuthority)
  const { answer: state, problem, again } = asked
  // Nodes take it while one looks.
  useFresh(again)
  return (
    <>
      <h1>Authority</h1>
      <Problem what={problem} />
      <Asking asked={asked} />
      {state !== undefined && (
        <>
          {state.warning !== undefined && <p class="warn">{state.warning}</p>}
          <section class="card" aria-label="Present certificate">
            <Facts
              facts={[
                ['Name', state.authority.name],
                ['Valid from', <Moment key="from" at={state.authority.notBefore} />],
                ['Valid until', <Moment key="until" at={state.authority.notAfter} />],
                ['Nodes ask for the next from', <Moment key="asks" at={state.nodesAskFrom} />],
                ['Served since', state.since && <Moment key="since" at={state.since} />],
                ['Fingerprint', state.authority.fingerprint],
              ]}
            />
          </section>
          <dl class="numbers">
            {[
              ['have it', state.have],
              ['have another', state.haveOther],
              ['do not say', state.silent],
            ].map(([what, count]) => (
              <div key={what}>
                <dt>{what}</dt>
                <dd>{numberText(Number(count))}</dd>
              </div>
            ))}
          </dl>
          {state.former.map(({ fingerprint, notAfter, nodesAskFrom, have, machines }) => (
            <section key={fingerprint} class="card" aria-label="Another certificate">
              <h2>
                {notAfter === undefined ? 'Have one that was never served here' : 'Have the one until '}
                {notAfter !== undefined && <Moment at={notAfter} />}, {countText(have, 'machine')}
              </h2>
              {nodesAskFrom !== undefined && (
                <p>
                  They ask for the present one from <Moment at={nodesAskFrom} /> on, each once a day.
                </p>
              )}
              <p class="notice">{fingerprint}</p>
              <MachineLinks names={machines} count={have} query={{ authority: fingerprint }} />
            </section>
          ))}
          <Untold state={state} />
          {state.silent > 0 && (
            <section class="card" aria-label="Do not say">
              <h2>Do not say: {countText(state.silent, 'machine')}</h2>
              <p>
                They run another implementation or an older version, or have not called the registry yet. They
                ask for the present certificate all the same.
              </p>
              <MachineLinks
                names={state.silentMachines}
                count={state.silent}
                query={{ authority: 'unknown' }}
              />
            </section>
          )}
        </>
      )}
    </>
  )
}

/** Of others, which few have, it is not told which they are. */
function Untold({ state: { haveOther, former } }: { readonly state: AuthorityState }): JSX.Element | null {
  const untold = haveOther - former.reduce((sum, { have }) => sum + have, 0)
  return untold <= 0 ? null : (
    <p class="notice">{countText(untold, 'machine has', 'machines have')} others, each of which few have.</p>
  )
}
