import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { KeyRotation } from '../../api/schemas/keys.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { MachineLinks } from '../parts/machine-link.tsx'
import { Moment } from '../parts/moment.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import { Problem } from '../parts/problem.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

type Step = KeyRotation['step']

const askRotation = () => call('keyRotation')

/** What nodes do at each step, in the order of a rotation. */
const STEPS: readonly { readonly step: Step; readonly does: string }[] = [
  { step: 'idle', does: 'There is one key: nodes sign with it, and accept no other.' },
  { step: 'announced', does: 'A new key is announced: nodes accept both, and sign with the old one.' },
  { step: 'used', does: 'The new key is used: nodes sign with it, and accept the old one still.' },
]
/** Of a network that has its first key: before, it had none. */
const BEGINNING: typeof STEPS = [
  { step: 'beginning', does: 'There is a first key: nodes sign with it, and accept anything.' },
  { step: 'idle', does: 'Nodes accept that key only.' },
]

/** What the button that leaves a step does. */
const VERBS: Readonly<Record<Step, string>> = {
  idle: 'Announce a new key',
  announced: 'Sign with the new key',
  used: 'Refuse the old key',
  beginning: 'Accept the key only',
}
const DONE: Readonly<Record<Step, string>> = {
  idle: 'A new key is announced.',
  announced: 'Nodes sign with the new key.',
  used: 'Nodes refuse the old key.',
  beginning: 'Nodes accept the key only.',
}

/** Where the rotation of the MAC keys is, and its next step. */
export function KeysView({ mayAdminister }: { readonly mayAdminister: boolean }): JSX.Element {
  const asked = useAnswer(askRotation)
  const { answer: rotation, problem, again } = asked
  // Nodes follow, and another administrator may take a step.
  useFresh(again)
  /** As it was when it was asked: nothing else is confirmed. */
  const [wanted, want] = useState<KeyRotation>()
  return (
    <>
      <h1>MAC keys</h1>
      <p>
        Nodes believe the routes of others by a key that all have. It is replaced in three steps, so that no
        node is cut off: each step waits until the nodes have followed the one before.
      </p>
      <Problem what={problem} />
      <Asking asked={asked} />
      {rotation !== undefined && (
        <section class="card" aria-label="Rotation">
          <p>
            Step: <strong>{rotation.step}</strong>
          </p>
          <ol class="steps">
            {(rotation.step === 'beginning' ? BEGINNING : STEPS).map(({ step, does }) => (
              <li key={step} aria-current={step === rotation.step ? 'step' : undefined}>
                {does}
              </li>
            ))}
          </ol>
          <Followers rotation={rotation} />
          <p>The next step {rotation.nextStep}.</p>
          {rotation.validUntil !== undefined && (
            <p>
              All nodes have the new key from <Moment at={rotation.validUntil} /> on.
            </p>
          )}
          {rotation.warning !== undefined && <p class="warn sentence">{rotation.warning}.</p>}
          {mayAdminister && (
            <button type="button" onClick={() => want(rotation)}>
              {VERBS[rotation.step]}…
            </button>
          )}
        </section>
      )}
      {wanted !== undefined && (
        <TakeStep
          rotation={wanted}
          close={() => {
            want(undefined)
            again()
          }}
        />
      )}
    </>
  )
}

/** Who has followed, and who has not. */
function Followers({
  rotation: { following, behind, behindCount },
}: {
  readonly rotation: KeyRotation
}): JSX.Element {
  return (
    <>
      <p>{countText(following, 'machine has', 'machines have')} the present configuration.</p>
      {behindCount > 0 && (
        <details open>
          <summary>Not followed yet ({numberText(behindCount)})</summary>
          {behind.length < behindCount && (
            <p>{numberText(behind.length)} of them, those first that have asked last:</p>
          )}
          <MachineLinks names={behind} count={behindCount} query={{ configuration: 'behind' }} />
        </details>
      )}
    </>
  )
}

interface TakeStepProps {
  readonly rotation: KeyRotation
  readonly close: () => void
}

function TakeStep({ rotation: { step, nextStep, warning }, close }: TakeStepProps): JSX.Element {
  const isRisky = warning !== undefined
  return (
    <Confirm
      title={`${VERBS[step]}?`}
      verb={isRisky ? `${VERBS[step]} all the same` : VERBS[step]}
      danger={isRisky}
      done={DONE[step]}
      act={() =>
        call('rotateKeys', { body: { fromStep: step, ...(isRisky ? { isCutOffAccepted: true } : {}) } })
      }
      close={close}
    >
      <p>This step {nextStep}.</p>
      {isRisky && <p class="warn sentence">{warning}.</p>}
      <p>It cannot be undone; the rotation goes on with the step after it.</p>
    </Confirm>
  )
}
