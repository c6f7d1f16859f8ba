import { expect, it } from 'vitest'
import { ipJson } from '../../../src/platform/ip-json.ts'

const printing = (stdout: string) => {
  const ran: string[] = []
  const run = async (command: string, args: readonly string[]) => {
    ran.push([command, ...args].join(' '))
    return { stdout, stderr: '' }
  }
  return { ran, processes: { run } }
}

it('what ip prints is read; nothing is an empty list', async () => {
  const { ran, processes } = printing('[{"ifname":"lo","mtu":65536},{}]\n')
  expect(await ipJson<{ ifname?: string }>(processes, 'link', 'show')).toEqual([
    { ifname: 'lo', mtu: 65_536 },
    {},
  ])
  expect(ran).toEqual(['ip -j link show'])
  expect(await ipJson(printing('').processes, '-6', 'route', 'show')).toEqual([])
})

it('what is no list of things is an error that says what was asked', async () => {
  for (const printed of ['Object "linkk" is unknown', '{"ifname":"lo"}'])
    await expect(ipJson(printing(printed).processes, 'linkk', 'show')).rejects.toMatchObject({
      code: 'DAEMON',
      message: expect.stringContaining('ip -j linkk show'),
    })
})
