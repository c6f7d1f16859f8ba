import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import { ExtendedKeyUsage } from '@peculiar/x509'
import { expect, it } from 'vitest'
import {
  certificateOfHeader,
  nameOfCertificate,
  readClientAuthorities,
} from '../../../../../src/registry/api/access/client-certificate.ts'
import {
  type ClientCertificateSettings,
  clientAuthority,
  clientCertHeader,
} from '../../../../support/client-authority.ts'
import { fc, test } from '../../../../support/property.ts'
import { selfSigned } from '../../../../support/self-signed.ts'

const HOUR_MS = 3600_000
const authority = await clientAuthority()
const authorities = readClientAuthorities('--client-cert-ca', authority.pem)

async function nameOf(settings: ClientCertificateSettings, signer = authority, nowMs = Date.now()) {
  const certificate = new X509Certificate(await signer.certificate(settings))
  const name = nameOfCertificate(certificate, authorities, nowMs)
  return name.ok ? name.value : undefined
}

it('a certificate of the authority names its holder', async () => {
  expect(await nameOf({ subject: 'CN=ann' })).toBe('ann')
  expect(await nameOf({ subject: 'O=Example, CN=ann' })).toBe('ann')
  expect(await nameOf({ subject: 'CN=ann', purposes: [ExtendedKeyUsage.clientAuth] })).toBe('ann')
})

it.each<[string, ClientCertificateSettings]>([
  ['has two names', { subject: 'CN=ann, CN=bob' }],
  ['has none', { subject: 'O=Example' }],
  ['is for servers only', { subject: 'CN=ann', purposes: [ExtendedKeyUsage.serverAuth] }],
  ['is of an authority itself', { subject: 'CN=ann', isAuthority: true }],
  ['has ended', { subject: 'CN=ann', toMs: Date.now() - 60_000 }],
  ['has not begun', { subject: 'CN=ann', fromMs: Date.now() + 60_000 }],
])('one that %s names nobody', async (_, settings) => {
  expect(await nameOf(settings)).toBeUndefined()
})

it('one that another authority has signed names nobody, be it of the same name', async () => {
  expect(await nameOf({ subject: 'CN=ann' }, await clientAuthority())).toBeUndefined()
  expect(await nameOf({ subject: 'CN=ann' }, await clientAuthority('others'))).toBeUndefined()
})

it('when the authority has ended, its certificates name nobody', async () => {
  const settings = { subject: 'CN=ann', toMs: Date.now() + 3 * HOUR_MS }
  expect(await nameOf(settings, authority, Date.now() + 2 * HOUR_MS)).toBeUndefined()
})

it('of several authorities in a file each counts', async () => {
  const other = await clientAuthority('others')
  const both = readClientAuthorities('--client-cert-ca', `${other.pem}${authority.pem}`)
  for (const signer of [authority, other]) {
    const certificate = new X509Certificate(await signer.certificate({ subject: 'CN=ann' }))
    expect(nameOfCertificate(certificate, both, Date.now())).toEqual({ ok: true, value: 'ann' })
  }
})

it('a file without an authority is refused', async () => {
  const { cert } = await selfSigned()
  for (const pem of ['', 'ann', cert, authority.pem.replaceAll('M', 'N')])
    expect(() => readClientAuthorities('--client-cert-ca', pem)).toThrow(/^--client-cert-ca: /)
})

it('a header has one certificate as RFC 9440 writes it, or none', async () => {
  const header = clientCertHeader(await authority.certificate({ subject: 'CN=ann' }))
  const read = certificateOfHeader(header)
  expect(read.ok && nameOfCertificate(read.value, authorities, Date.now())).toEqual({
    ok: true,
    value: 'ann',
  })
  for (const wrong of [
    undefined,
    '',
    '::',
    header.slice(1),
    header.slice(0, -1),
    `${header}, ${header}`,
    `${header};x=1`,
    [header, header],
    ':AAAA:',
    `:${'A'.repeat(20_000)}:`,
    encodeURIComponent(authority.pem),
  ])
    expect(certificateOfHeader(wrong).ok).toBe(false)
})

test('whatever a header is, it is read or refused', fc.string(), (text) => {
  for (const header of [text, `:${Buffer.from(text).toString('base64')}:`])
    expect(typeof certificateOfHeader(header).ok).toBe('boolean')
})
