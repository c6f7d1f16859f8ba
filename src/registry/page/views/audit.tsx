import type { JSX } from 'preact'
import { useCallback, useState } from 'preact/hooks'
import type { AuditEntry } from '../../api/schemas/audit.ts'
import { call } from '../api.ts'
import { type Column, LongTable } from '../parts/long-table.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText } from '../parts/time.ts'
import { sayWhy, useAnswer } from '../parts/use-answer.ts'

const COLUMNS: readonly Column<AuditEntry>[] = [
  { key: 'number', title: '#', cell: ({ number }) => number },
  { key: 'at', title: 'When', cell: ({ at }) => dateOfText(at) },
  { key: 'who', title: 'Who', cell: ({ who, from }) => (from === undefined ? who : `${who} (${from})`) },
  { key: 'action', title: 'What', cell: ({ action }) => action },
  { key: 'subject', title: 'To', cell: ({ subject }) => subject ?? '–' },
  { key: 'detail', title: 'Details', cell: ({ detail }) => JSON.stringify(detail) },
]
const PAGE = 500

/** Who did what. */
export function AuditView(): JSX.Element {
  const [who, setWho] = useState('')
  const latest = useAnswer(useCallback(() => askEntries(who, 0), [who]))
  const [older, setOlder] = useState<readonly AuditEntry[]>([])
  const [problem, setProblem] = useState<string>()
  // Entries are made while one looks: what has come since then is not shown twice.
  const rows = [
    ...new Map([...(latest.answer?.items ?? []), ...older].map((row) => [row.number, row])).values(),
  ]
  const left = (latest.answer?.total ?? 0) - rows.length
  const more = () =>
    askEntries(who, rows.length).then(
      ({ items }) => {
        setProblem(undefined)
        setOlder((before) => [...before, ...items])
      },
      (error: unknown) => setProblem(sayWhy(error)),
    )
  const proof = useAnswer(askVerification).answer
  return (
    <>
      <h1>Audit log</h1>
      <Problem what={latest.problem ?? problem} />
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
            placeholder="whole name"
            onChange={({ currentTarget }) => {
              setOlder([])
              setWho(currentTarget.value.trim())
            }}
          />
        </label>
      </div>
      <LongTable caption="Audit log" columns={COLUMNS} rows={rows} keyOf={({ number }) => String(number)} />
      {left > 0 && (
        <button type="button" onClick={more}>
          Load more ({left} left)
        </button>
      )}
    </>
  )
}

const askEntries = (who: string, offset: number) =>
  call('audit', { query: { offset, limit: PAGE, ...(who === '' ? {} : { who }) } })

const askVerification = () => call('verifyAudit')
