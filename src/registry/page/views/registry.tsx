import { Fragment, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { PairState } from '../../api/schemas/standby.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Facts } from '../parts/facts.tsx'
import { MachineLink } from '../parts/machine-link.tsx'
import { Moment } from '../parts/moment.tsx'
import { countText } from '../parts/numbers.ts'
import { isWaiting, standbyText } from '../parts/pair-text.ts'
import { Problem } from '../parts/problem.tsx'
import { type Asked, useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

const askOverview = () => call('overview')

interface RegistryViewProps {
  readonly mayAdminister: boolean
  readonly pair: Asked<PairState>
}

/** The registry itself, and its standby. */
export function RegistryView({ mayAdminister, pair }: RegistryViewProps): JSX.Element {
  const asked = useAnswer(askOverview)
  useFresh(asked.again)
  const { answer: overview, problem } = asked
  return (
    <>
      <h1>Registry</h1>
      <Problem what={problem ?? pair.problem} />
      <Asking asked={asked} />
      {overview !== undefined && (
        <section class="card" aria-label="This registry">
          <h2>This registry</h2>
          <Facts
            facts={[
              ['Network', overview.network],
              ['Version', overview.registry.version],
              ['Running since', <Moment key="started" at={overview.registry.startedAt} />],
              [
                'Its node',
                overview.registryMachine === undefined ? (
                  'the first machine that joins'
                ) : (
                  <MachineLink key="node" name={overview.registryMachine} />
                ),
              ],
              [
                'Machines',
                <a key="machines" href="#machines">
                  {countText(overview.machines.total, 'machine')}
                </a>,
              ],
              [
                'Invitations',
                <Fragment key="invitations">
                  <a href="#invitations">{countText(overview.invitations, 'invitation')}</a> that can be used
                </Fragment>,
              ],
              [
                'Configuration',
                <a key="configuration" href="#configuration">
                  version {overview.configurationVersion}
                </a>,
              ],
              [
                'MAC keys',
                <a key="keys" href="#keys">
                  step: {overview.keyRotation.step}
                </a>,
              ],
              [
                'Authority',
                <Fragment key="authority">
                  <a href="#authority">its certificate</a>, until <Moment at={overview.authority.notAfter} />
                </Fragment>,
              ],
            ]}
          />
        </section>
      )}
      {pair.answer !== undefined && (
        <Standby pair={pair.answer} mayAdminister={mayAdminister} changed={pair.again} />
      )}
    </>
  )
}

interface StandbyProps {
  readonly pair: PairState
  readonly mayAdminister: boolean
  readonly changed: () => void
}

function Standby({ pair, mayAdminister, changed }: StandbyProps): JSX.Element {
  const [dropping, setDropping] = useState(false)
  const isMissed = isWaiting(pair)
  return (
    <section class="card" aria-label="Standby">
      <h2>Standby</h2>
      <p class={isMissed ? 'warn' : undefined}>{standbyText(pair)}</p>
      {pair.role === 'primary' && (
        <Facts
          facts={[
            [
              'What is given',
              pair.isRegistered
                ? 'only what the standby has stored, too'
                : 'also what only this machine has: it is lost with it',
            ],
            ['Since', pair.since && <Moment key="since" at={pair.since} />],
            ['Epoch', String(pair.epoch)],
          ]}
        />
      )}
      {isMissed && mayAdminister && (
        <button type="button" class="danger" onClick={() => setDropping(true)}>
          Go on without it…
        </button>
      )}
      {dropping && (
        <Confirm
          title="Go on without the standby?"
          verb="Drop it"
          danger
          act={() => call('dropStandby')}
          done="The registry goes on without its standby."
          close={() => {
            setDropping(false)
            changed()
          }}
        >
          <p>
            Machines can join and be shut out again. What is given from now on is lost with this machine,
            until the standby has followed and has everything again.
          </p>
          <p>Until then the standby must not be promoted: it would give the same prefixes once more.</p>
        </Confirm>
      )}
    </section>
  )
}
