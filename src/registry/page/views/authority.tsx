import type { JSX } from 'preact'
import { call } from '../api.ts'
import { Facts } from '../parts/facts.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText } from '../parts/time.ts'
import { useAnswer } from '../parts/use-answer.ts'

const askAuthority = () => call('authority')

/** The authority of the network, and which machines have its present certificate. */
export function AuthorityView(): JSX.Element {
  const { answer: state, problem } = useAnswer(askAuthority)
  return (
    <>
      <h1>Authority</h1>
      <Problem what={problem} />
      {state !== undefined && (
        <>
          {state.warning !== undefined && <p class="warn">{state.warning}</p>}
          <section class="card" aria-label="Present certificate">
            <Facts
              facts={[
                ['Name', state.authority.name],
                ['Valid from', dateOfText(state.authority.notBefore)],
                ['Valid until', dateOfText(state.authority.notAfter)],
                ['Nodes ask for the next from', dateOfText(state.nodesAskFrom)],
                ['Served since', state.since && dateOfText(state.since)],
                ['Fingerprint', state.authority.fingerprint],
              ]}
            />
          </section>
          <dl class="numbers">
            {[
              ['have it', state.have],
              ['have another', state.former.reduce((sum, { have }) => sum + have, 0)],
              ['do not say', state.silent],
            ].map(([what, count]) => (
              <div key={what}>
                <dt>{what}</dt>
                <dd>{count}</dd>
              </div>
            ))}
          </dl>
          {state.former.map(({ fingerprint, notAfter, nodesAskFrom, have, machines }) => (
            <section key={fingerprint} class="card" aria-label="Another certificate">
              <h2>
                {notAfter === undefined
                  ? 'Have one that was never served here'
                  : `Have the one until ${dateOfText(notAfter)}`}{' '}
                ({have})
              </h2>
              {nodesAskFrom !== undefined && (
                <p>They ask for the present one from {dateOfText(nodesAskFrom)} on, each once a day.</p>
              )}
              <p class="notice">{fingerprint}</p>
              <Names names={machines} />
            </section>
          ))}
          {state.silent > 0 && (
            <section class="card" aria-label="Do not say">
              <h2>Do not say ({state.silent})</h2>
              <p>
                They run another implementation or an older version, or have not called the registry yet. They
                ask for the present certificate all the same.
              </p>
              <Names names={state.silentMachines} />
            </section>
          )}
        </>
      )}
    </>
  )
}

function Names({ names }: { readonly names: readonly string[] }): JSX.Element {
  return (
    <ul class="many">
      {names.map((name) => (
        <li key={name}>{name}</li>
      ))}
    </ul>
  )
}
