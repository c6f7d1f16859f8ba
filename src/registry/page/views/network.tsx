import type { JSX } from 'preact'
import { useCallback, useEffect, useMemo } from 'preact/hooks'
import type { MachineState } from '../../../core/values/machine-states.ts'
import type { NetworkOverview } from '../../api/schemas/network.ts'
import { call } from '../api.ts'
import { MachinePanel } from '../machines/machine-panel.tsx'
import { colourMeaningOf, mapViewOf } from '../map/map-look.ts'
import { NetworkMap } from '../map/network-map.tsx'
import { browserStore, NO_STORE } from '../map/position-store.ts'
import { hashOf } from '../parts/address.ts'
import { Asking } from '../parts/asking.tsx'
import { numberText } from '../parts/numbers.ts'
import { useParameters } from '../parts/place.ts'
import { Problem } from '../parts/problem.tsx'
import { sealOf } from '../parts/seal.ts'
import { STATE_MEANINGS, STATE_WORDS } from '../parts/state-words.ts'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'
import { useRounds } from '../parts/use-rounds.ts'
import { networkOf } from '../topology.ts'
import { useTopology } from '../use-topology.ts'

const askOverview = () => call('overview')

interface NetworkViewProps {
  readonly mayRevoke: boolean
  /** Of the session. */
  readonly storageKey: string | undefined
}

/** The map, as it is now: the registry tells what changes. */
export function NetworkView({ mayRevoke, storageKey }: NetworkViewProps): JSX.Element {
  const asked = useAnswer(askOverview)
  const { answer: overview, problem, again } = asked
  const [snapshot, live] = useTopology()
  // What changes the map changes the numbers; of a network that is larger than the map, not all is on it.
  useEffect(again, [snapshot])
  useFresh(again)
  const [parameters, change] = useParameters()
  const chosen = parameters.get('machine')
  const choose = (machine: string | undefined) => change({ machine }, 'push')
  const registry = overview?.registryMachine
  const network = useMemo(() => snapshot && networkOf(snapshot, registry), [snapshot, registry])
  const store = useMemo(() => {
    const seal = storageKey === undefined ? undefined : sealOf(storageKey)
    return seal ? browserStore('map', seal) : NO_STORE
  }, [storageKey])
  const names = useMemo(
    () => new Map(snapshot?.nodes.map(({ name, machineName }) => [name, machineName])),
    [snapshot],
  )
  // Ways change also where no tunnel does: while a machine is looked at, its way is asked for again.
  const round = useRounds(chosen !== undefined)
  const routeTo = useCallback(
    async (name: string) => (await call('route', { params: { name } })).hops.map((hop) => hop.name),
    [round],
  )
  return (
    <>
      <h1>Network {overview?.network}</h1>
      <Problem what={problem} />
      <Asking asked={asked} />
      {overview !== undefined && <Numbers machines={overview.machines} />}
      <p class="notice" role="status">
        {live ? 'Live: changes are shown as they happen.' : 'Waiting for the registry…'}
      </p>
      {network?.nodes.length === 0 && (
        <p class="card">
          {overview !== undefined && overview.machines.total > 0 ? (
            <>
              None of the machines is connected now: <a href="#machines">all machines</a>.
            </>
          ) : (
            <>
              There is no machine yet: <a href="#invitations">invite one</a>.
            </>
          )}
        </p>
      )}
      {network !== undefined &&
        overview !== undefined &&
        network.nodes.length < overview.machines.total &&
        network.nodes.length > 0 && (
          <p class="notice">
            The map has the {numberText(network.nodes.length)} machines that are connected; the{' '}
            <a href="#machines">table</a> has all.
          </p>
        )}
      {network !== undefined && network.nodes.length > 0 && (
        <NetworkMap
          {...{ network, routeTo, chosen, choose }}
          look={{
            view: mapViewOf(parameters.get('view')),
            meaning: colourMeaningOf(parameters.get('colour')),
          }}
          changeLook={({ view, meaning }) => change({ view, colour: meaning }, 'replace')}
          store={store}
          details={(id) => (
            <MachinePanel
              key={id}
              name={id}
              mayRevoke={mayRevoke}
              seen={snapshot}
              calledOf={(name) => names.get(name)}
              close={() => choose(undefined)}
              choose={choose}
            />
          )}
        />
      )}
    </>
  )
}

/** As the overview has them, and as the table of machines is filtered by them. */
const COUNTED: readonly (readonly [keyof NetworkOverview['machines'], MachineState])[] = [
  ['online', 'online'],
  ['offline', 'offline'],
  ['expiring', 'expiring'],
  ['neverSeen', 'never-seen'],
  ['outdated', 'outdated'],
]

/** How many machines there are of each state; each number leads to them. */
function Numbers({ machines }: Pick<NetworkOverview, 'machines'>): JSX.Element {
  return (
    <dl class="numbers">
      <div>
        <dt>machines</dt>
        <dd>
          <a href="#machines">{numberText(machines.total)}</a>
        </dd>
      </div>
      {COUNTED.map(([name, state]) => (
        <div key={name} title={STATE_MEANINGS[state]}>
          <dt>{STATE_WORDS[state]}</dt>
          <dd>
            {machines[name] === 0 ? (
              '0'
            ) : (
              <a href={hashOf('machines', [['state', state]])}>{numberText(machines[name])}</a>
            )}
          </dd>
        </div>
      ))}
      <div title="that would be valid still">
        <dt>revoked certificates</dt>
        <dd>{numberText(machines.revoked)}</dd>
      </div>
    </dl>
  )
}
