import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Problem } from '../parts/problem.tsx'
import { useAnswer } from '../parts/use-answer.ts'

const askRotation = () => call('keyRotation')

/** Where the rotation of the MAC keys is, and its next step. */
export function KeysView({ mayAdminister }: { readonly mayAdminister: boolean }): JSX.Element {
  const { answer: rotation, problem, again } = useAnswer(askRotation)
  const [asking, setAsking] = useState(false)
  const close = () => {
    setAsking(false)
    again()
  }
  return (
    <>
      <h1>MAC keys</h1>
      <Problem what={problem} />
      {rotation !== undefined && (
        <section class="card">
          <p>
            Step: <strong>{rotation.step}</strong>. {rotation.following} machines follow.
          </p>
          {rotation.behind.length > 0 && (
            <>
              <h2>Not followed yet ({rotation.behind.length})</h2>
              <ul class="many">
                {rotation.behind.map((name) => (
                  <li key={name}>{name}</li>
                ))}
              </ul>
            </>
          )}
          <p>Next: {rotation.nextStep}</p>
          {rotation.warning !== undefined && <p class="warn">{rotation.warning}</p>}
          {mayAdminister && (
            <button type="button" onClick={() => setAsking(true)}>
              Next step…
            </button>
          )}
        </section>
      )}
      {asking && rotation !== undefined && (
        <Confirm
          title="Take the next step of the rotation?"
          verb={rotation.warning === undefined ? 'Rotate' : 'Rotate all the same'}
          danger={rotation.warning !== undefined}
          act={() =>
            call('rotateKeys', {
              body: {
                fromStep: rotation.step,
                ...(rotation.warning === undefined ? {} : { isCutOffAccepted: true }),
              },
            })
          }
          close={close}
        >
          <p>{rotation.nextStep}</p>
          {rotation.warning !== undefined && <p class="warn">{rotation.warning}</p>}
        </Confirm>
      )}
    </>
  )
}
