import { describe, expect, it } from 'vitest'
import { otherDefaultRouteIn } from '../../../../src/core/kernel/default-routes.ts'
import { fc, test } from '../../../support/property.ts'

const NATIVE = {
  ...{ type: 'unicast', dst: 'default', gateway: 'fe80::1', dev: 'eth0', protocol: 'ra' },
  ...{ scope: 'global', metric: 1024, flags: [], pref: 'medium' },
}
const OURS = { ...NATIVE, from: '2001:db8:42::/48', dev: 're6stnet1', protocol: 'babel' }
const KEEPING_INSIDE = {
  type: 'unreachable',
  dst: 'default',
  from: '2001:db8:42::/48',
  dev: 'lo',
  protocol: 'boot',
}

describe('another default route', () => {
  it('is one that no babeld has made', () => {
    const found = otherDefaultRouteIn(JSON.stringify([OURS, KEEPING_INSIDE, NATIVE]))
    expect(found).toEqual({ ok: true, value: 'default via fe80::1 dev eth0' })
  })

  it('is none of a network, nor one that goes nowhere, nor in an empty answer', () => {
    const numbered = { ...OURS, protocol: '42' }
    for (const printed of [JSON.stringify([OURS, numbered, KEEPING_INSIDE]), '[]', '', '\n'])
      expect(otherDefaultRouteIn(printed)).toEqual({ ok: true, value: undefined })
  })

  it('is named also with several ways, or none that has a name', () => {
    const { gateway, dev, ...rest } = NATIVE
    const several = {
      ...rest,
      nexthops: [
        { gateway, dev, weight: 1 },
        { gateway: 'fe80::2', dev: 'eth1', weight: 1 },
      ],
    }
    expect(otherDefaultRouteIn(JSON.stringify([several]))).toEqual({
      ok: true,
      value: 'default via fe80::1 dev eth0',
    })
    expect(otherDefaultRouteIn(JSON.stringify([{ ...rest, dev: 'ppp0' }]))).toEqual({
      ok: true,
      value: 'default dev ppp0',
    })
    expect(otherDefaultRouteIn('[{"dst":"default"}]')).toEqual({ ok: true, value: 'default' })
  })

  test('is never found in nonsense by throwing', fc.string(), (text) => {
    expect(typeof otherDefaultRouteIn(text).ok).toBe('boolean')
  })

  test(
    'is found whatever else a list has',
    fc.array(fc.jsonValue()),
    fc.array(fc.jsonValue()),
    (before, after) => {
      expect(otherDefaultRouteIn(JSON.stringify([...before, NATIVE, ...after]))).toMatchObject({
        ok: true,
        value: expect.stringMatching(/^default/),
      })
    },
  )
})
