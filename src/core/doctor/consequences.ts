import type { Finding, FindingCode } from './finding.ts'

const WITHOUT_REGISTRY: ReadonlySet<FindingCode> = new Set([
  'registry-unreachable',
  'registry-wrong',
  'registry-foreign',
])

/** One cause is told once: a certificate that is not accepted any more is also why the node is cut off. */
export function withoutConsequences(findings: readonly Finding[]): Finding[] {
  const revoked = findings.findIndex(({ code }) => code === 'certificate-revoked')
  const isWithoutRegistry = findings.some(({ code }) => WITHOUT_REGISTRY.has(code))
  return findings.filter(({ code }, at) => {
    // That is what no renewal, and nothing else of the registry, succeeds for.
    if (code === 'renewal-failed' || code === 'configuration-refused')
      return revoked < 0 && !isWithoutRegistry
    return revoked < 0 || !(code === 'cut-off' || (code === 'certificate-revoked' && at !== revoked))
  })
}
