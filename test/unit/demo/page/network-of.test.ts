import { expect, test } from 'vitest'
import { cutsOf, networkOf, routeTo } from '../../../../demo/page/network-of.ts'
import { samplePicture } from '../../../support/sample-picture.ts'

test('the map has the machines that joined, and each tunnel once, from who made it', () => {
  const { nodes, tunnels } = networkOf(samplePicture({ killed: 'n3' }))
  expect(nodes).toHaveLength(9)
  expect(nodes.find(({ name }) => name === 'n3')?.state).toBe('offline')
  expect(tunnels).toContainEqual({ client: '1/16', server: '0/16', protocol: 'tcp' })
  expect(tunnels).toHaveLength(6)
})

test('the route goes from the registry, hop by hop; to who is gone there is none', () => {
  const picture = samplePicture({ killed: 'n3' })
  expect(routeTo('5/16', picture)).toEqual(['0/16', '1/16', '4/16', '5/16'])
  expect(routeTo('3/16', picture)).toEqual([])
  expect(cutsOf(picture)).toEqual(new Set(['2/16 7/16']))
})
