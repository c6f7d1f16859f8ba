import { describe, expect, it } from 'vitest'
import { Re6stError } from '../../../src/core/errors.ts'
import type { Ipv4Assignment } from '../../../src/node/kernel/kernel.ts'
import { NodeIpv4 } from '../../../src/node/node-ipv4.ts'
import type { Logger } from '../../../src/platform/log.ts'

function fixture(subjectSerial: number | undefined, refusal?: Re6stError) {
  const assigned: Ipv4Assignment[] = []
  const warnings: unknown[] = []
  const nodeIpv4 = new NodeIpv4({
    kernel: {
      async assignIpv4(assignment) {
        if (refusal) throw refusal
        assigned.push(assignment)
        return {
          async [Symbol.asyncDispose]() {
            assigned.splice(assigned.indexOf(assignment), 1)
          },
        }
      },
    },
    log: { warn: (warning: unknown) => void warnings.push(warning) } as unknown as Logger,
    mainInterface: 'lo',
    subjectSerial: () => subjectSerial,
  })
  return { nodeIpv4, assigned, warnings }
}

const NETWORK = { range: '10.42.0.0/16', subnetBits: 8 }

describe('the IPv4 of a node', () => {
  it('is what the number of its certificate says', async () => {
    const { nodeIpv4, assigned, warnings } = fixture(5)
    await nodeIpv4.apply(NETWORK)
    expect(nodeIpv4.own).toMatchObject({ subnet: '10.42.5.0/24', address: '10.42.5.1' })
    expect(assigned).toMatchObject([{ range: '10.42.0.0/16', mainInterface: 'lo', own: { length: 24 } }])
    expect([warnings, nodeIpv4.failure]).toEqual([[], undefined])
  })

  it('is replaced, and taken away, when the network changes: in the order of the changes', async () => {
    const { nodeIpv4, assigned } = fixture(5)
    await Promise.all([nodeIpv4.apply(NETWORK), nodeIpv4.apply({ range: '10.43.0.0/16', subnetBits: 9 })])
    expect(assigned).toMatchObject([{ range: '10.43.0.0/16', own: { address: '10.43.2.129' } }])
    await nodeIpv4.apply(undefined)
    expect(nodeIpv4.own).toBeUndefined()
    expect(assigned).toEqual([])
  })

  it.each([
    { serial: 256, why: 'its number does not fit', expected: /does not fit into 8 bits/ },
    { serial: undefined, why: 'its certificate has no number', expected: /no serial number/ },
  ])('is nothing but forwarding when $why', async ({ serial, expected }) => {
    const { nodeIpv4, assigned, warnings } = fixture(serial)
    await nodeIpv4.apply(NETWORK)
    expect(nodeIpv4.own).toBeUndefined()
    expect(assigned).toMatchObject([{ range: '10.42.0.0/16', own: undefined }])
    expect(warnings).toEqual([{ reason: expect.stringMatching(expected) }])
    expect(nodeIpv4.failure).toMatch(expected)
  })

  it.each([
    { range: '10.0.0.0/8', subnetBits: 17 },
    { range: '10.42.0.1/16', subnetBits: 8 },
    { range: '10.42.0.0/24', subnetBits: 9 },
    { range: 'ten', subnetBits: 8 },
  ])('is none where the network says $range, $subnetBits', async (ipv4) => {
    const { nodeIpv4, assigned, warnings } = fixture(5)
    await nodeIpv4.apply(ipv4)
    expect(nodeIpv4.own).toBeUndefined()
    expect(assigned).toEqual([])
    expect(warnings).toHaveLength(1)
    expect(nodeIpv4.failure).toBeDefined()
  })

  it('is none where the kernel refuses it, which may be otherwise later', async () => {
    const no = new Re6stError('SYSTEM', 'no')
    const { nodeIpv4, warnings } = fixture(5, no)
    await expect(nodeIpv4.apply(NETWORK)).rejects.toBe(no)
    expect(nodeIpv4.own).toBeUndefined()
    expect(warnings).toEqual([])
    expect(nodeIpv4.failure).toContain('no')
    expect(nodeIpv4.isToBeDoneAgain).toBe(true)
    await nodeIpv4.apply(undefined)
    expect([nodeIpv4.failure, nodeIpv4.isToBeDoneAgain]).toEqual([undefined, false])
  })
})
