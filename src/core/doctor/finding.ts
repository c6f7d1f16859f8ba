/** What `re6st doctor` can find, in the order in which it is worth mending. docs/troubleshooting.md has a section of each. */
export const FINDING_CODES = [
  'program-missing',
  'openvpn-missing',
  'openvpn-too-old',
  'babeld-missing',
  'babeld-too-old',
  'no-tun-device',
  'no-net-admin',
  'no-source-specific-routes',
  'ipv6-disabled',
  'no-space',
  'directory-not-usable',
  'file-not-usable',
  'key-exposed',
  'key-mismatch',
  'certificate-foreign',
  'clock-wrong',
  'certificate-expired',
  'certificate-revoked',
  'certificate-in-use-twice',
  'registry-unreachable',
  'registry-wrong',
  'registry-foreign',
  'configuration-refused',
  'change-not-applied',
  'renewal-failed',
  'ipv4-failed',
  'other-default-route',
  'network-manager',
  'port-taken',
  'server-failed',
  'node-not-running',
  'node-silent',
  'settings-read-only',
  'forwarding-off',
  'ipv4-path-filter',
  'path-filter',
  'firewall-closed',
  'multicast-stopped',
  'cut-off',
  'babel-filtered',
  'icmpv6-filtered',
  'node-port-filtered',
  'mtu-trouble',
  'forwarding-failed',
  'nat-without-forwarding',
  'port-unreachable',
  'cache-not-written',
  'draining',
  'not-encrypted',
] as const

/** Stable name of a kind of trouble. */
export type FindingCode = (typeof FINDING_CODES)[number]

/** Something that is wrong. */
export interface Finding {
  readonly code: FindingCode
  /** What is wrong, and how that shows: a sentence without a full stop. */
  readonly what: string
  /** What to do about it. */
  readonly remedy: string
}

/** What `re6st doctor` has to say. */
export interface Diagnosis {
  readonly findings: readonly Finding[]
  /** What works, and should be known. */
  readonly warnings: readonly Finding[]
  /** What could not be examined, and why. */
  readonly notExamined: readonly string[]
}

/** The most important first. */
export const inOrder = (findings: readonly Finding[]): Finding[] =>
  [...findings].sort((one, other) => FINDING_CODES.indexOf(one.code) - FINDING_CODES.indexOf(other.code))
