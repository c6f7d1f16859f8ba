import 'reflect-metadata'
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import * as x509 from '@peculiar/x509'
import { describe, expect, it } from 'vitest'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { databaseWith } from '../../support/databases.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const DATABASE = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const pki = vectors<{ keys: Record<string, string>; cases: { name: string; pem: string }[] }>('pki.json')
const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** An authority of its own key with this serial. */
async function authority(serialNumber: string) {
  const keys = {
    privateKey: await webcrypto.subtle.importKey(
      'pkcs8',
      privateKey.export({ type: 'pkcs8', format: 'der' }),
      ALGORITHM,
      true,
      ['sign'],
    ),
    publicKey: await webcrypto.subtle.importKey(
      'spki',
      publicKey.export({ type: 'spki', format: 'der' }),
      ALGORITHM,
      true,
      ['verify'],
    ),
  }
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber, name: 'CN=another network', keys, signingAlgorithm: ALGORITHM },
    ...{ notBefore: new Date(Date.now() - 3600_000), notAfter: new Date(Date.now() + 3600_000) },
  })
  return {
    caPem: certificate.toString('pem'),
    signer: pemSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  }
}

describe('a registry does not start with the wrong authority', () => {
  it('a node’s certificate', async () => {
    const caPem = pki.cases.find(({ name }) => name === 'node-a')?.pem ?? ''
    await expect(testRegistry({ caPem, signer: pemSigner(pki.keys['node-a'] ?? '') })).rejects.toMatchObject({
      code: 'CERTIFICATE',
      message: expect.stringContaining('--ca: it is not signed by itself'),
    })
  })

  it.each([
    ['without the leading 1', '20010db80042'],
    ['outside of what networks can have', '01ff02'],
    ['of a node', '05'],
  ])('a serial %s', async (_what, serial) => {
    await expect(testRegistry(await authority(serial))).rejects.toMatchObject({
      code: 'CERTIFICATE',
      message: expect.stringMatching(/--ca: its serial number .* like 0x120010db80042/),
    })
  })

  it('but only says so where a serial ends in many zeros, which may be meant', async () => {
    const warningsWith = async (serial: string) => {
      const warnings: unknown[] = []
      const log = { ...silentLog, warn: (text: unknown) => warnings.push(text) } as typeof silentLog
      // No prefix of the usual length fits into it.
      const registration = { mailPrefixLength: 8, anonymousPrefixLength: 8 }
      const registry = await testRegistry({ ...(await authority(serial)), registration }, { log })
      await registry[Symbol.asyncDispose]()
      return warnings.filter((text) => /was a shorter one meant/.test(String(text)))
    }
    expect(await warningsWith(`0120010db80042${'0'.repeat(16)}`)).toEqual([
      expect.stringContaining('2001:db8:42::/112'),
    ])
    expect(await warningsWith('0120010db80042')).toEqual([])
  })

  it('another network’s, over an existing database; a good one it takes', async () => {
    const databasePath = await databaseWith(DATABASE)
    await expect(
      testRegistry({ databasePath, ...(await authority('0120010db80043')) }),
    ).rejects.toMatchObject({ code: 'FILE', message: expect.stringContaining('another authority') })
    for (const serial of ['0120010db80043', '01fd0123456789'])
      await (await testRegistry(await authority(serial)))[Symbol.asyncDispose]()
  })
})
