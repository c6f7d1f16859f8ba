import type { JSX } from 'preact'
import { jsonText } from '../../../core/json-text.ts'
import type { AuditEntry } from '../../api/schemas/audit.ts'
import { MachineLink } from '../parts/machine-link.tsx'
import { Moment } from '../parts/moment.tsx'
import { auditSentence, type Part } from './audit-sentence.ts'

/** Entries of the audit log, in words; as they are stored, for who asks for it. */
export function AuditEntries({ entries }: { readonly entries: readonly AuditEntry[] }): JSX.Element {
  return (
    <ol class="audit" aria-label="Entries">
      {entries.map((entry) => (
        <li key={entry.number}>
          <span class="number">{entry.number}</span>
          <Moment at={entry.at} />
          <p>
            <strong>{entry.who}</strong>
            {entry.from !== undefined && <span class="ago"> ({entry.from})</span>}{' '}
            <Sentence parts={auditSentence(entry)} />
          </p>
          <details>
            <summary>As it is stored</summary>
            <pre>{jsonText(entry)}</pre>
          </details>
        </li>
      ))}
    </ol>
  )
}

function Sentence({ parts }: { readonly parts: readonly Part[] }): JSX.Element {
  return (
    <>
      {parts.map((part) => {
        if (typeof part === 'string') return part
        if ('machine' in part) return <MachineLink key={part.machine} name={part.machine} />
        return (
          <a key={part.text} href={`#${part.view}`}>
            {part.text}
          </a>
        )
      })}
    </>
  )
}
