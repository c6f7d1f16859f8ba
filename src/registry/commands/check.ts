import { jsonText } from '../../core/json-text.ts'
import type { CheckOptions } from '../../core/options/registry-database-options.ts'
import { readAuthorityFile } from '../authority-file.ts'
import { soundnessOfDatabase } from '../database/soundness.ts'

/**
 * Runs `re6st-registry check`.
 * @returns the exit status: 1 when something is wrong
 * @throws Re6stError `FILE`, `CERTIFICATE` when something cannot be read
 */
export async function runCheck({ database, ca, json }: CheckOptions): Promise<number> {
  const authority = ca === undefined ? undefined : readAuthorityFile(ca)
  const { findings, certificates } = await soundnessOfDatabase({ database, option: '--db' }, authority)
  const isSound = findings.length === 0
  process.stdout.write(
    json
      ? jsonText({ findings, certificates: isSound ? certificates : undefined })
      : isSound
        ? `sound: ${certificates} certificates\n`
        : findings.map(({ what, remedy }) => `${what}: ${remedy}\n`).join(''),
  )
  return isSound ? 0 : 1
}
