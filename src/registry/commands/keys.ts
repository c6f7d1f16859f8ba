import { jsonText } from '../../core/json-text.ts'
import type { KeysOptions } from '../../core/options/registry-operator-options.ts'
import type { KeyRotation } from '../api/schemas/keys.ts'
import { askRegistryOf } from './ask-registry.ts'
import { someNames } from './columns.ts'

/**
 * Runs `re6st-registry keys`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runKeys({ json, action, isCutOffAccepted, ...where }: KeysOptions): Promise<number> {
  const ask = askRegistryOf(where)
  const before = await ask('keyRotation')
  const now =
    action === 'status'
      ? before
      : await ask('rotateKeys', { body: { fromStep: before.step, isCutOffAccepted } })
  process.stdout.write(json ? jsonText(now) : rotationText(now))
  return 0
}

function rotationText({
  step,
  nextStep,
  validUntil,
  following,
  behindCount,
  behind,
  warning,
}: KeyRotation): string {
  return [
    `step ${step}: ${MEANINGS[step]}`,
    ...(validUntil === undefined ? [] : [`the new key is announced until ${validUntil}`]),
    `${following} machines have the present configuration${behindCount === 0 ? '' : `, ${behindCount} have not asked for it: ${someNames(behind, behindCount, 're6st-registry nodes --behind')}`}`,
    `the next step ${nextStep}`,
    ...(warning === undefined ? [] : [`WARNING: ${warning}`]),
    '',
  ].join('\n')
}

const MEANINGS: Readonly<Record<KeyRotation['step'], string>> = {
  idle: 'one key',
  announced: 'a new key is accepted, the old one still signs',
  used: 'the new key signs, the old one is still accepted',
  beginning: 'there is a first key, anything is accepted',
}
