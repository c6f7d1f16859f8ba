import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readAuthority } from '../../../../src/core/crypto/certificate.ts'
import { OwnIdentity } from '../../../../src/node/own-identity.ts'
import { keepIdentity } from '../../../../src/node/start/keep-identity.ts'
import { recordedCertificate } from '../../../support/sessions.ts'
import { StartingNode } from '../../../support/starting-node.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ ca: string; ca_new_prefix: string; keys: Record<string, string> }>('pki.json')
const newAuthority = vectors<{ cases: { name: string; pem: string }[] }>('pki.json').cases.find(
  ({ name }) => name === 'ca-new-prefix',
)?.pem
const DAY_MS = 86_400_000

let node: StartingNode
beforeEach(() => {
  node = new StartingNode()
})
afterEach(() => node[Symbol.asyncDispose]())

const [before, after] = [recordedCertificate('node-b'), recordedCertificate('node-b2')]

/** A node whose identity is kept, with a registry that gives these answers, and what it tells the others. */
function keep({
  startMs = after.notBeforeMs,
  isRevoked = false,
  renewed = async () => after.x509.toString(),
} = {}) {
  const authority = readAuthority(pki.ca)
  if (!authority.ok) throw new Error(authority.reason)
  const clock = steppedClock(startMs)
  const told: unknown[] = []
  const note = (what: string) => (value?: unknown) =>
    void told.push(value === undefined ? what : [what, value])
  const identity = new OwnIdentity({
    ...{ authority: authority.value, certificate: before, address: '2001:db8:42:2::1' },
    privateKey: createPrivateKey(pki.keys['node-b'] ?? ''),
  })
  const files = { ca: node.file('ca.crt'), cert: node.file('cert.crt'), key: node.file('cert.key') }
  writeFileSync(files.cert, before.x509.toString())
  let cutOff = () => {}
  let asked = 0
  const renewCertificate = () => {
    asked++
    return renewed()
  }
  const parts = {
    foundation: {
      ...{ files, identity },
      registry: {
        getCa: async () => newAuthority ?? '',
        renewCertificate,
        setIdentity: ({ prefix }: { prefix: string }) => told.push(['registry', prefix]),
      },
      revocation: { isRevoked: (serial: bigint) => isRevoked && serial === before.serial },
    },
    membership: {
      messages: { setIdentity: note('messages') },
      tunnels: { identityRenewed: note('tunnels') },
      onCutOff: (listener: () => void) => {
        cutOff = listener
      },
    },
  }
  keepIdentity({
    ...({ ...parts, clock, log: node.log } as unknown as Parameters<typeof keepIdentity>[0]),
    ...{ signal: node.stopping.signal, onEnd: note('end') },
  })
  return { clock, identity, told, asked: () => asked, beCutOff: () => cutOff() }
}

describe('a certificate that was renewed', () => {
  it('in place of a revoked one is used everywhere, and what the old one began counts no more', async () => {
    const { clock, identity, told } = keep({ isRevoked: true })
    await clock.pass(0)
    await expect.poll(() => identity.current.certificate.serial).toBe(after.serial)
    expect(told).toEqual([['registry', after.prefix], 'messages', ['tunnels', 0]])
  })

  it('in time is used everywhere; what the old one began goes on for as long as others accept that', async () => {
    const { clock, identity, told } = keep({ startMs: before.notAfterMs - 1_000 })
    const until = Math.min(before.notAfterMs, identity.current.authority.notAfterMs)
    await clock.pass(0)
    await expect.poll(() => identity.current.certificate.serial).toBe(after.serial)
    expect(told).toContainEqual(['tunnels', until])
  })
})

it('a network that is another one, by the serial number of its CA, has the node begin anew', async () => {
  const { clock, told } = keep({ startMs: 2_524_607_999_000 - DAY_MS })
  await clock.pass(0)
  await expect.poll(() => told).toContainEqual(['end', 'restart'])
})

it('whoever is cut off looks at once whether the registry has something newer', async () => {
  const { clock, asked, beCutOff } = keep({
    isRevoked: true,
    renewed: () => Promise.reject(new Error('away')),
  })
  await clock.pass(1_000)
  expect(asked()).toBe(1)
  beCutOff()
  await clock.pass(1_000)
  expect(asked()).toBe(2)
})

it('ends with the node', async () => {
  const { clock, asked } = keep({ isRevoked: true, renewed: () => Promise.reject(new Error('away')) })
  await clock.pass(0)
  node.stopping.abort(new Error('the node stops'))
  await clock.pass(30 * DAY_MS)
  expect(asked()).toBe(1)
})
