import type { Diagnosis } from '../../core/doctor/finding.ts'
import { printable } from '../../core/values/printable.ts'
import { type Look, painter } from '../tables.ts'

/** What `re6st doctor` prints. */
export function diagnosisText({ findings, warnings, notExamined }: Diagnosis, look: Look): string {
  const paint = painter(look)
  const headline =
    findings.length === 0
      ? paint('green', 'healthy: nothing wrong was found')
      : paint('red', `${findings.length} ${findings.length === 1 ? 'problem' : 'problems'} found`)
  return [
    headline,
    ...findings.flatMap(({ code, what, remedy }) => [
      '',
      `${paint('bold', code)}`,
      `  ${printable(what)}`,
      `  ${paint('cyan', '→')} ${printable(remedy)}`,
    ]),
    ...warnings.flatMap(({ code, what, remedy }) => [
      '',
      `${paint('yellow', `warning: ${code}`)}`,
      `  ${printable(what)}`,
      `  ${paint('cyan', '→')} ${printable(remedy)}`,
    ]),
    ...(notExamined.length === 0
      ? []
      : ['', ...notExamined.map((text) => paint('dim', `not examined: ${printable(text)}`))]),
  ].join('\n')
}
