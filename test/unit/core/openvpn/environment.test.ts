import { describe, expect, it } from 'vitest'
import {
  externalAddressOf,
  externalAddressOption,
  remoteEndOf,
} from '../../../../src/core/openvpn/environment.ts'
import type { Environment } from '../../../../src/core/openvpn/management-reader.ts'
import { fc, test } from '../../../support/property.ts'

const GOOD = {
  common_name: '5/16',
  tls_serial_0: '7',
  untrusted_ip: '192.0.2.7',
  untrusted_port: '40000',
}
const endOf = (variables: Readonly<Record<string, string>>) =>
  remoteEndOf(new Map(Object.entries(variables)) as ReadonlyMap<string, string> as Environment)

describe('the environment of a connection', () => {
  it('tells who the other end is', () => {
    expect(endOf(GOOD)).toEqual({
      ok: true,
      value: {
        peer: { prefix: '0000000000000101', serial: 7n },
        underlay: { address: '192.0.2.7', port: 40_000 },
      },
    })
    const { untrusted_ip: _, ...rest } = GOOD
    expect(endOf({ ...rest, untrusted_ip6: '2001:db8::7' })).toMatchObject({
      value: { underlay: { address: '2001:db8::7' } },
    })
  })

  it('is refused when something is missing or wrong', () => {
    for (const name of Object.keys(GOOD)) {
      expect(endOf({ ...GOOD, [name]: 'x' }), name).toMatchObject({ ok: false })
      expect(
        endOf(Object.fromEntries(Object.entries(GOOD).filter(([other]) => other !== name))),
      ).toMatchObject({
        ok: false,
      })
    }
  })

  test(
    'with anything in it is understood or refused',
    fc.dictionary(fc.constantFrom(...Object.keys(GOOD)), fc.string()),
    (variables) => {
      expect(typeof endOf({ ...GOOD, ...variables }).ok).toBe('boolean')
    },
  )

  it('tells our own address, if the server did', () => {
    expect(externalAddressOption('192.0.2.7')).toBe('setenv-safe external_ip 192.0.2.7')
    expect(externalAddressOf(new Map([['OPENVPN_external_ip', '192.0.2.7']]))).toBe('192.0.2.7')
    expect(externalAddressOf(new Map([['OPENVPN_external_ip', 'x; rm -rf /']]))).toBeUndefined()
    expect(externalAddressOf(new Map())).toBeUndefined()
  })
})
