import type { JSX } from 'preact'
import { useCallback, useState } from 'preact/hooks'
import type { AuditEntry } from '../../api/schemas/audit.ts'
import { call } from '../api.ts'
import { type Column, LongTable } from '../parts/long-table.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText } from '../parts/time.ts'
import { useAnswer } from '../parts/use-answer.ts'

const COLUMNS: readonly Column<AuditEntry>[] = [
  { key: 'number', title: '#', cell: ({ number }) => number },
  { key: 'at', title: 'When', cell: ({ at }) => dateOfText(at) },
  { key: 'who', title: 'Who', cell: ({ who, from }) => (from === undefined ? who : `${who} (${from})`) },
  { key: 'action', title: 'What', cell: ({ action }) => action },
  { key: 'subject', title: 'To', cell: ({ subject }) => subject ?? '–' },
  { key: 'detail', title: 'Details', cell: ({ detail }) => JSON.stringify(detail) },
]
const MOST = 1_000

/** Who did what. */
export function AuditView(): JSX.Element {
  const [who, setWho] = useState('')
  const { answer, problem } = useAnswer(
    useCallback(() => call('audit', { query: { limit: MOST, ...(who === '' ? {} : { who }) } }), [who]),
  )
  const proof = useAnswer(askVerification).answer
  return (
    <>
      <h1>Audit log</h1>
      <Problem what={problem} />
      {proof !== undefined && (
        <p class={proof.isWhole ? 'good' : 'bad'} role="status">
          {proof.isWhole
            ? `Whole: ${proof.entries} entries, none was changed or removed.`
            : `Not whole: ${proof.problem}`}
        </p>
      )}
      <div class="bar">
        <label>
          Who{' '}
          <input
            type="search"
            value={who}
            onChange={({ currentTarget }) => setWho(currentTarget.value.trim())}
          />
        </label>
      </div>
      <LongTable
        caption="Audit log"
        columns={COLUMNS}
        rows={answer?.items ?? []}
        keyOf={({ number }) => String(number)}
      />
    </>
  )
}

const askVerification = () => call('verifyAudit')
