import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Machine } from '../../lab/machine.ts'

/** In whose words rules are. */
export type RulesetKind = 'nftables' | 'iptables'

const CHAINS = ['input', 'forward', 'output'] as const

/** Removes what is loaded, and lets nothing through. */
const STRICT: Readonly<Record<RulesetKind, readonly string[]>> = {
  nftables: [
    'flush ruleset',
    'add table inet filter',
    ...CHAINS.map(
      (hook) => `add chain inet filter ${hook} { type filter hook ${hook} priority filter; policy drop; }`,
    ),
  ],
  iptables: [
    'nft flush ruleset',
    ...CHAINS.flatMap((hook) =>
      ['iptables', 'ip6tables'].map((command) => `${command} -P ${hook.toUpperCase()} DROP`),
    ),
  ],
}
const LOADERS: Readonly<Record<RulesetKind, readonly [command: string, option: string]>> = {
  nftables: ['nft', '-f'],
  iptables: ['sh', '-e'],
}

/** A script that lets through what these rules say, and nothing else, whatever was loaded before. */
const strictScript = (rules: string, kind: RulesetKind): string => [...STRICT[kind], rules].join('\n')

/** Runs it on a machine. */
export async function loadStrict(
  machine: Machine,
  rules: string,
  kind: RulesetKind = 'nftables',
): Promise<void> {
  mkdirSync(machine.directory, { recursive: true })
  const file = path.join(machine.directory, 'firewall.rules')
  writeFileSync(file, strictScript(rules, kind))
  await machine.run(...LOADERS[kind], file)
}
