import type { JSX } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { AUDIT_ACTIONS } from '../../../core/values/audit-actions.ts'
import type { AuditEntry } from '../../api/schemas/audit.ts'
import { call } from '../api.ts'
import { AuditEntries } from '../audit/audit-entries.tsx'
import { ACTION_WORDS } from '../audit/audit-sentence.ts'
import { shownEntries } from '../audit/shown-entries.ts'
import { Asking } from '../parts/asking.tsx'
import { Choice } from '../parts/choice.tsx'
import { DelayedInput } from '../parts/delayed-input.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import { useParameters } from '../parts/place.ts'
import { Problem } from '../parts/problem.tsx'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

const PAGE = 100

/** Who did what. */
export function AuditView(): JSX.Element {
  const [parameters, change] = useParameters()
  const [who, action] = [parameters.get('who') ?? '', parameters.get('action') ?? '']
  const latest = useAnswer(useCallback(() => askEntries({ who, action }, 0), [who, action]))
  // Somebody does something while one looks.
  useFresh(latest.again)
  const [older, setOlder] = useState<readonly AuditEntry[]>([])
  const [problem, setProblem] = useState<string>()
  const wanted = `${action} ${who}`
  const asked = useRef(wanted)
  asked.current = wanted
  useEffect(() => setOlder([]), [wanted])
  const rows = shownEntries(latest.answer?.items ?? [], older)
  const left = (latest.answer?.total ?? 0) - rows.length
  const more = () =>
    askEntries({ who, action }, rows.length).then(
      ({ items }) => {
        if (asked.current !== wanted) return
        setProblem(undefined)
        // What was the latest before is older now.
        setOlder([...rows, ...items])
      },
      (error: unknown) => setProblem(sayWhy(error)),
    )
  const isFiltered = who !== '' || action !== ''
  return (
    <>
      <h1>Audit log</h1>
      <Problem what={latest.problem ?? problem} />
      <Proof />
      <div class="bar">
        <DelayedInput
          label="Who"
          class="short"
          placeholder="whole name"
          value={who}
          change={(name) => change({ who: name }, 'replace')}
        />
        <Choice
          label="What"
          names={AUDIT_ACTIONS}
          words={ACTION_WORDS}
          value={action}
          change={(name) => change({ action: name }, 'replace')}
          hasAll
        />
        {isFiltered && (
          <button type="button" onClick={() => change({ who: '', action: '' }, 'replace')}>
            Show all
          </button>
        )}
      </div>
      <Asking asked={latest} />
      {latest.answer !== undefined && (
        <p class="notice" role="status">
          {isFiltered && rows.length === 0
            ? 'No entry is like that.'
            : countText(latest.answer.total, 'entry', 'entries')}
        </p>
      )}
      <AuditEntries entries={rows} />
      {left > 0 && (
        <button type="button" onClick={more}>
          Load more ({numberText(left)} left)
        </button>
      )}
    </>
  )
}

/** Whether the log is whole. */
function Proof(): JSX.Element | null {
  const { answer: proof, problem } = useAnswer(askVerification)
  if (problem !== undefined) return null
  return (
    <p class={proof === undefined ? 'notice' : proof.isWhole ? 'good' : 'bad'} role="status">
      {proof === undefined
        ? 'Looking whether it is whole…'
        : proof.isWhole
          ? `Whole: ${countText(proof.entries, 'entry', 'entries')}, none was changed or removed.`
          : `Not whole: ${proof.problem}`}
    </p>
  )
}

const askEntries = ({ who, action }: { readonly who: string; readonly action: string }, offset: number) =>
  call('audit', { query: { offset, limit: PAGE, who, action } })

const askVerification = () => call('verifyAudit')
