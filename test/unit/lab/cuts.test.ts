import { expect, test } from 'vitest'
import { dropRules, machinesOfCut } from '../../../lab/cuts.ts'
import { Machine } from '../../../lab/machine.ts'
import { Internet, Lan } from '../../../lab/segments.ts'

const machine = (name: string, cable?: ConstructorParameters<typeof Machine>[0]['cable']): Machine =>
  new Machine({ name, namespace: name, directory: '/nowhere', cable, recordNamespace: () => {} })

const router = machine('internet')
const internet = new Internet(router)
const gateway = machine('gateway', internet.gatewayCable(7, ['ipv4']))
const open = machine('open', internet.cable())
const hidden = machine('hidden', new Lan(gateway, 7, ['ipv4']).cable())

test('the ends and the routers beside them take part in a cut', () => {
  expect(machinesOfCut({ ends: [open, hidden] }).map(({ name }) => name)).toEqual([
    'open',
    'internet',
    'hidden',
    'gateway',
  ])
})

test('an end drops what comes from the other one', () => {
  const rules = dropRules(open, [{ ends: [hidden, open] }])
  expect(rules).toContain('iifname "eth0" ip saddr 192.168.7.2 drop')
  expect(rules).toContain('iifname "eth0" ether saddr 02:00:00:07:00:02 drop')
  expect(rules).not.toContain('daddr')
})

test('the gateway drops both ways, by the address that only it sees', () => {
  const rules = dropRules(gateway, [{ ends: [open, hidden] }])
  expect(rules).toContain('ip saddr 192.168.7.2 ip daddr 203.0.113.3 drop')
  expect(rules).toContain('ip saddr 203.0.113.3 ip daddr 192.168.7.2 drop')
})

test('without cuts nothing is dropped', () => {
  expect(dropRules(open, [])).not.toContain('drop')
  expect(dropRules(gateway, [{ ends: [open, machine('other', internet.cable())] }])).not.toContain('drop')
})

test('one way, only what the other end sends is dropped', () => {
  const cut = { ends: [open, hidden], isOneWay: true } as const
  expect(dropRules(open, [cut])).not.toContain('drop')
  expect(dropRules(hidden, [cut])).toContain('iifname "eth0" ip saddr 203.0.113.3 drop')
  expect(dropRules(gateway, [cut])).toContain('ip saddr 203.0.113.3 ip daddr 192.168.7.2 drop')
  expect(dropRules(gateway, [cut])).not.toContain('ip saddr 192.168.7.2')
})
