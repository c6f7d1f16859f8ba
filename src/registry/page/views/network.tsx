import type { JSX } from 'preact'
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { call } from '../api.ts'
import { MachinePanel } from '../machines/machine-panel.tsx'
import { NetworkMap } from '../map/network-map.tsx'
import { Problem } from '../parts/problem.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { useRounds } from '../parts/use-rounds.ts'
import { networkOf } from '../topology.ts'
import { useTopology } from '../use-topology.ts'

const askOverview = () => call('overview')

/** The map, as it is now: the registry tells what changes. */
export function NetworkView({ mayRevoke }: { readonly mayRevoke: boolean }): JSX.Element {
  const { answer: overview, problem, again } = useAnswer(askOverview)
  const [snapshot, live] = useTopology()
  // What changes the map changes the numbers.
  useEffect(again, [snapshot])
  const [chosen, choose] = useState<string>()
  const registry = overview?.registryMachine
  const network = useMemo(() => snapshot && networkOf(snapshot, registry), [snapshot, registry])
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
      <dl class="numbers">
        {Object.entries(overview?.machines ?? {}).map(([what, count]) => (
          <div key={what}>
            <dt>{WORDS[what] ?? what}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
      <p class="notice" role="status">
        {live ? 'Live: changes are shown as they happen.' : 'Waiting for the registry…'}
      </p>
      {network?.nodes.length === 0 && (
        <p class="card">
          There is no machine yet: <a href="#invitations">invite one</a>.
        </p>
      )}
      {network !== undefined && network.nodes.length > 0 && (
        <NetworkMap
          {...{ network, routeTo, chosen, choose }}
          storeKey="registry"
          details={({ id }) => (
            <MachinePanel
              key={id}
              name={id}
              mayRevoke={mayRevoke}
              seen={snapshot}
              close={() => choose(undefined)}
              choose={choose}
            />
          )}
        />
      )}
    </>
  )
}

const WORDS: Readonly<Record<string, string>> = { neverSeen: 'never seen', total: 'machines' }
