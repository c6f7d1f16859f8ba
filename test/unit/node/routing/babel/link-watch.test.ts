import type { NetworkInterfaceInfo } from 'node:os'
import { expect, it } from 'vitest'
import type { KernelNews } from '../../../../../src/node/kernel/kernel-events.ts'
import { LinkWatch, type UsableLink } from '../../../../../src/node/routing/babel/link-watch.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

const ipv6 = (address: string, scopeid: number): NetworkInterfaceInfo => ({
  ...{ address, scopeid, family: 'IPv6', netmask: '', mac: '', internal: false, cidr: null },
})
const ipv4 = (address: string): NetworkInterfaceInfo => ({
  ...{ address, family: 'IPv4', netmask: '', mac: '', internal: false, cidr: null },
})

/** A watch of `lan`, and what it told. */
function rig() {
  const told: (UsableLink | undefined)[] = []
  const clock = steppedClock()
  let tell: (news: KernelNews) => void = () => {}
  let addresses: NetworkInterfaceInfo[] = []
  const machine = { hasFileDescriptors: true }
  const watch = new LinkWatch({
    clock,
    log: silentLog,
    events: {
      watch(listener) {
        tell = listener
        return { [Symbol.dispose]() {} }
      },
    },
    onChange: (_, link) => void told.push(link),
    read() {
      if (!machine.hasFileDescriptors) throw new Error('uv_interface_addresses returned EMFILE')
      return { lan: addresses }
    },
  })
  watch.add('lan')
  const become = async (...next: NetworkInterfaceInfo[]) => {
    told.length = 0
    addresses = next
    tell({ kind: 'interface', iface: 'lan' })
    await clock.pass(10)
    return [...told]
  }
  return { become, watch, machine, clock, told }
}

it('an interface comes with its link-local address, becomes another one, and goes', async () => {
  const { become } = rig()
  expect(await become(ipv4('192.0.2.1'))).toEqual([])
  const link = { address: 'fe80::1', index: 3, ipv4Address: undefined }
  expect(await become(ipv6('fe80::1', 3))).toEqual([link])
  expect(await become(ipv6('fe80::1', 3))).toEqual([])
  expect(await become(ipv6('fe80::1', 4))).toEqual([undefined, { ...link, index: 4 }])
  expect(await become()).toEqual([undefined])
})

it('another IPv4 address is told, and the link stays', async () => {
  const { become } = rig()
  const link = { address: 'fe80::1', index: 3 }
  await become(ipv6('fe80::1', 3))
  for (const address of ['192.0.2.1', '192.0.2.2'])
    expect(await become(ipv6('fe80::1', 3), ipv4(address))).toEqual([{ ...link, ipv4Address: address }])
  expect(await become(ipv6('fe80::1', 3))).toEqual([{ ...link, ipv4Address: undefined }])
})

it('a machine that cannot say which interfaces it has goes on, and is looked at again until it can', async () => {
  const { become, watch, machine, clock, told } = rig()
  machine.hasFileDescriptors = false
  expect(await become(ipv6('fe80::1', 3))).toEqual([])
  watch.add('another')
  await clock.pass(10_000)
  machine.hasFileDescriptors = true
  await clock.pass(1_000)
  expect(told).toEqual([{ address: 'fe80::1', index: 3, ipv4Address: undefined }])
})
