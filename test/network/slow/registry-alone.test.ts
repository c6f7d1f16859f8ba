import Database from 'better-sqlite3'
import { test } from 'vitest'
import { DEADLINE_MS, withNetwork } from '../../support/networks.ts'

test('the registry’s own node is gone for good: a machine that has never been in the network gets in', () =>
  withNetwork('own-node-gone', { nodeCount: 2 }, async ({ lab, network, nodes }) => {
    const [own, ...others] = nodes
    await lab.waitFor(
      () => {
        const database = new Database(network.registryFile('registry.db'), { readonly: true })
        const known = database.prepare('SELECT prefix FROM node_address').pluck().all()
        database.close()
        return others.every(({ prefix }) => known.includes(prefix))
      },
      { what: 'the registry to know where the nodes are', deadlineMs: 3 * DEADLINE_MS },
    )
    await own.killHard()
    await own.stop()
    const late = await network.join(await lab.host('late'))
    await network.allPairsPing({ nodes: [...others, late], deadlineMs: 3 * DEADLINE_MS })
  }))
