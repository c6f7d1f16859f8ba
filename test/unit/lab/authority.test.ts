import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, expiredCopy, forgedCopy, makeAuthority } from '../../../lab/authority.ts'
import { networkOfBits, networkOfCaSerial } from '../../../src/core/values/prefix.ts'

describe('an authority of the lab', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 're6st-authority-'))
  const network = networkOfBits('001000000000000100001101101110000000000001000010')
  let authority: Authority
  beforeAll(async () => {
    authority = await makeAuthority(directory, network)
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  test('carries the network in its serial number, and an address to send mails from', () => {
    const certificate = new X509Certificate(readFileSync(authority.caFile))
    expect(networkOfCaSerial(BigInt(`0x${certificate.serialNumber}`))).toEqual({ ok: true, value: network })
    expect(certificate.subject).toContain('emailAddress=registry@lab.example')
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })

  test('an expired copy of a certificate differs in its dates only', async () => {
    const original = readFileSync(authority.caFile, 'utf8')
    const [certificate, copy] = [
      new X509Certificate(original),
      new X509Certificate(await expiredCopy(authority, original)),
    ]
    expect(copy.subject).toBe(certificate.subject)
    expect(copy.serialNumber).toBe(certificate.serialNumber)
    expect(copy.verify(certificate.publicKey)).toBe(true)
    expect(Date.parse(copy.validTo)).toBeLessThan(Date.now())
  })

  test('a forged copy of a certificate differs in its dates and in who signed it', async () => {
    const original = readFileSync(authority.caFile, 'utf8')
    const strangersDirectory = mkdtempSync(path.join(directory, 'stranger-'))
    const stranger = await makeAuthority(strangersDirectory, network)
    const copy = new X509Certificate(await forgedCopy(stranger, original))
    const certificate = new X509Certificate(original)
    expect(copy.subject).toBe(certificate.subject)
    expect(copy.issuer).toBe(certificate.issuer)
    expect(copy.verify(certificate.publicKey)).toBe(false)
    expect(copy.verify(new X509Certificate(readFileSync(stranger.caFile)).publicKey)).toBe(true)
  })
})
