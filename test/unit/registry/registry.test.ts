import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readNetworkConfig } from '../../../src/core/config/network-config.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = (name: string) => pki.csr[name] ?? ''
const keyOf = (name: string) => createPrivateKey(pki.keys[name] ?? '')
const caPublicKey = new X509Certificate(pki.ca).publicKey

describe('a new registry', () => {
  it('gives certificates, and the network’s configuration to their holders', async () => {
    await using registry = await testRegistry()
    const anyone = new RegistryClient(registry.url)
    expect(await anyone.getCa()).toBe(pki.ca)
    const pem = await anyone.requestCertificate({ token: '', csr: csr('node-a') })
    const certificate = readNodeCertificate(pem ?? '')
    expect(certificate).toMatchObject({
      ok: true,
      value: { serial: 1n, subjectSerial: 0, subnetName: '0/32' },
    })

    const decrypt = makeDecryptor(keyOf('node-a'))
    const node = new RegistryClient(registry.url, {
      prefix: prefixOfBits('0'.repeat(32)),
      caPublicKey,
      decrypt,
    })
    const config = readNetworkConfig(await node.getNetworkConfig(), { caPublicKey, decrypt })
    expect(config).toMatchObject({
      ok: true,
      value: { registryPrefix: '0'.repeat(32), helloIntervalMs: 15_000 },
    })
    expect(await node.renewCertificate()).toBe(pem)
    expect(await node.getDh()).toMatch(/^-----BEGIN DH PARAMETERS-----\n/)
    expect(await node.getBootstrapPeer()).toBeUndefined()
  })
})
