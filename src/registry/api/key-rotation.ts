import { randomBytes } from 'node:crypto'
import { MAC_KEY_LENGTH } from '../../core/config/network-config.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { NetworkConfiguration } from '../configuration.ts'
import type { Store } from '../database/store.ts'
import { followedBy } from '../followed.ts'
import type { Ledger } from '../ledger.ts'
import { Refusal } from '../refusal.ts'
import { type Actor, audit } from './audit-log.ts'
import { MAX_NAMED } from './schemas/common.ts'
import type { KeyRotation, RotateKeys } from './schemas/keys.ts'
import { timeOf } from './time.ts'

/** What the rotation of the MAC keys needs. */
export interface KeyRotationComponents {
  readonly store: Pick<Store, 'all'>
  readonly configuration: NetworkConfiguration
  readonly ledger: Pick<Ledger, 'size' | 'countEnding'>
  readonly clock: Pick<Clock, 'now'>
}

const NEXT: Readonly<Record<KeyRotation['step'], string>> = {
  idle: 'makes a new key, and announces it: nodes accept it from an hour from now on at the latest',
  announced: 'signs with the new key: nodes that do not have it yet are cut off from routing',
  used: 'accepts the new key only: nodes that still sign with the old one are cut off from routing',
  beginning: 'accepts the first key only: nodes that do not have it are cut off from routing',
}

/** Where the rotation is, and who has not followed. */
export async function keyRotation({
  store,
  configuration,
  ledger,
  clock,
}: KeyRotationComponents): Promise<KeyRotation> {
  // What was asked for a moment ago counts, too.
  await configuration.followers.save()
  const step = configuration.rotationStep
  const nowMs = clock.now()
  const followed = await followedBy(store, {
    version: configuration.versionNumber,
    endedBy: Math.floor(nowMs / 1000),
    ended: await ledger.countEnding(0, nowMs),
    machines: await ledger.size(),
    named: MAX_NAMED,
  })
  const count = followed.behind
  const { validUntilMs } = configuration
  const isEarly = validUntilMs !== undefined && validUntilMs > nowMs
  const warning =
    step === 'idle'
      ? undefined
      : [
          ...(isEarly ? [`the new key is announced until ${timeOf(validUntilMs / 1000)}: wait for it`] : []),
          ...(count > 0
            ? [
                count === 1
                  ? 'one machine has not asked for the present configuration: if it runs, it is cut off'
                  : `${count} machines have not asked for the present configuration: those of them that run are cut off`,
              ]
            : []),
        ].join('; ') || undefined
  return {
    step,
    nextStep: NEXT[step],
    ...(validUntilMs === undefined ? {} : { validUntil: timeOf(validUntilMs / 1000) }),
    following: followed.following,
    behindCount: count,
    behind: followed.names.map(subnetNameOfBits),
    ...(warning === undefined ? {} : { warning }),
  }
}

function refuseOther(step: string, seen: string): void {
  if (step !== seen) throw new Refusal(409, `the rotation is at the step ${step}, not ${seen}: look again`)
}

/** Takes the next step. @throws Refusal when it is not the one that was seen, or would cut off somebody */
export async function rotateKeys(
  components: KeyRotationComponents,
  actor: Actor,
  { fromStep, isCutOffAccepted = false }: RotateKeys,
): Promise<KeyRotation> {
  const { configuration, clock } = components
  const { step, warning } = await keyRotation(components)
  refuseOther(step, fromStep)
  if (warning !== undefined && !isCutOffAccepted) throw new Refusal(409, warning)
  await configuration.rotateKeys(randomBytes(MAC_KEY_LENGTH), clock.now(), (left) => {
    // Another process, or another operator, may have taken it meanwhile: of the one after it, nobody was warned.
    refuseOther(left, fromStep)
    const detail = { warning: warning ?? null }
    return (writable) =>
      audit(writable, actor, { action: 'keys.rotated', subject: left, detail }, clock.now())
  })
  return keyRotation(components)
}
