import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { KeyRotation } from '../../api/schemas/keys.ts'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Problem } from '../parts/problem.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

const askRotation = () => call('keyRotation')

/** Where the rotation of the MAC keys is, and its next step. */
export function KeysView({ mayAdminister }: { readonly mayAdminister: boolean }): JSX.Element {
  const { answer: rotation, problem, again } = useAnswer(askRotation)
  // Nodes follow, and another administrator may take a step.
  useFresh(again)
  /** As it was when it was asked: nothing else is confirmed. */
  const [asked, ask] = useState<KeyRotation>()
  const close = () => {
    ask(undefined)
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
          {rotation.behindCount > 0 && (
            <>
              <h2>Not followed yet ({rotation.behindCount})</h2>
              {rotation.behind.length < rotation.behindCount && (
                <p>{rotation.behind.length} of them, those first that have asked last:</p>
              )}
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
            <button type="button" onClick={() => ask(rotation)}>
              Next step…
            </button>
          )}
        </section>
      )}
      {asked !== undefined && (
        <Confirm
          title="Take the next step of the rotation?"
          verb={asked.warning === undefined ? 'Rotate' : 'Rotate all the same'}
          danger={asked.warning !== undefined}
          act={() =>
            call('rotateKeys', {
              body: {
                fromStep: asked.step,
                ...(asked.warning === undefined ? {} : { isCutOffAccepted: true }),
              },
            })
          }
          close={close}
        >
          <p>{asked.nextStep}</p>
          {asked.warning !== undefined && <p class="warn">{asked.warning}</p>}
        </Confirm>
      )}
    </>
  )
}
