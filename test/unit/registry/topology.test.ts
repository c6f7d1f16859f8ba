import { expect, it } from 'vitest'
import { prefixOfSubnetName } from '../../../src/core/values/prefix.ts'
import { walkTopology } from '../../../src/registry/topology.ts'

it('the topology has names of subnets only, whatever a node answers', async () => {
  const start = prefixOfSubnetName('0/16')
  if (!start.ok) throw new Error(start.reason)
  const answers: Record<string, string> = {
    [start.value]: '3 1/16 <img/src=x> __proto__ 2/16',
    ['1'.padStart(16, '0')]: 'many 0/16',
  }
  const ask = async (prefix: string) =>
    answers[prefix] === undefined ? undefined : Buffer.from(answers[prefix])
  const members = new Set(Object.keys(answers))
  const asked: string[] = []
  const walked = await walkTopology(
    (prefix) => {
      asked.push(prefix)
      return ask(prefix)
    },
    start.value,
    async (prefix) => members.has(prefix),
  )
  expect(walked).toEqual({ '0/16': ['1/16'], '1/16': [], '': ['0/16', '1/16'] })
  // What is no machine is not even asked: one node could make any number of them up.
  expect(asked.toSorted()).toEqual([...members].toSorted())
})
