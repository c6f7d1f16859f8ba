import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPkcs11Uri, readPkcs11Uri } from '../../../../src/core/options/pkcs11-uri.ts'

const NOTHING = {
  ...{ token: undefined, serial: undefined, manufacturer: undefined, model: undefined },
  ...{ object: undefined, id: undefined, modulePath: undefined },
}

describe('the URI of a key in a token (RFC 7512)', () => {
  it.each([
    ['pkcs11:object=ca', { object: 'ca' }],
    ['pkcs11:token=re6st%20CA;object=ca;type=private', { token: 're6st CA', object: 'ca' }],
    ['pkcs11:id=%01%fF', { id: Buffer.of(1, 255) }],
    ['pkcs11:id=a%00b;serial=1', { id: Buffer.from('a\0b'), serial: '1' }],
    ['pkcs11:object=%C3%A9;model=M;manufacturer=N', { object: 'é', model: 'M', manufacturer: 'N' }],
    ['pkcs11:object=ca?module-path=/usr/lib/x.so', { object: 'ca', modulePath: '/usr/lib/x.so' }],
    ['pkcs11:object=a=b', { object: 'a=b' }],
  ])('is read: %s', (text, value) => {
    expect(isPkcs11Uri(text)).toBe(true)
    expect(readPkcs11Uri(text)).toEqual({ ok: true, value: { ...NOTHING, ...value } })
  })

  it.each([
    ['pkcs11:', 'which key'],
    ['pkcs11:token=x', 'which key'],
    ['pkcs11:object=', 'value'],
    ['pkcs11:object', 'value'],
    ['pkcs11:object=%0', 'hexadecimal'],
    ['pkcs11:object=a;object=b', 'twice'],
    ['pkcs11:object=ca;type=cert', 'private'],
    ['pkcs11:object=ca;slot-id=1', 'slot-id'],
    ['pkcs11:object=ca?module-name=x', 'module-name'],
    ['pkcs11:object=ca?pin-value=1234', '--passphrase'],
    ['pkcs11:object=ca?pin-source=file:/x', '--passphrase'],
    ['pkcs11:object=ca;__proto__=x', '__proto__'],
  ])('is refused: %s', (text, reason) => {
    expect(readPkcs11Uri(text)).toMatchObject({ ok: false, reason: expect.stringContaining(reason) })
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void readPkcs11Uri(`pkcs11:${text}`)))
  })

  it('has a path of any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (octets) => {
        const text = [...octets].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('')
        expect(readPkcs11Uri(`pkcs11:id=${text}`)).toMatchObject({
          ok: true,
          value: { id: Buffer.from(octets) },
        })
      }),
    )
  })
})
