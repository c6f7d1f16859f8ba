import type { Finding, FindingCode } from './finding.ts'

const WITHOUT_REGISTRY: ReadonlySet<FindingCode> = new Set([
  'registry-unreachable',
  'registry-wrong',
  'registry-foreign',
])

const WITHOUT_SPACE: ReadonlySet<FindingCode> = new Set(['no-space', 'directory-not-usable'])

/** One cause is told once: a certificate that is not accepted any more is also why the node is cut off. */
export function withoutConsequences(findings: readonly Finding[]): Finding[] {
  const revoked = findings.findIndex(({ code }) => code === 'certificate-revoked')
  const isWithoutRegistry = findings.some(({ code }) => WITHOUT_REGISTRY.has(code))
  return findings.filter(({ code }, at) => {
    if (code === 'cache-not-written') return !findings.some((other) => WITHOUT_SPACE.has(other.code))
    if (code === 'nat-without-forwarding')
      return !findings.some((other) => other.code === 'forwarding-failed')
    // That is what no renewal, and nothing else of the registry, succeeds for.
    if (code === 'renewal-failed' || code === 'configuration-refused')
      return revoked < 0 && !isWithoutRegistry
    return revoked < 0 || !(code === 'cut-off' || (code === 'certificate-revoked' && at !== revoked))
  })
}
