import { expect, it } from 'vitest'
import { receivedBytesIn, Silence, silenceLookMs } from '../../../../src/core/openvpn/silence.ts'
import { fc, test } from '../../../support/property.ts'

const HELLO_MS = 15_000

it('a peer that says something each hello interval, late as packets are, is never suspected', () => {
  const silence = new Silence(HELLO_MS)
  for (let atMs = 0; atMs < 600_000; atMs += silenceLookMs(HELLO_MS))
    expect(silence.isSuspicious(Math.floor(atMs / (HELLO_MS + 500)) * 100, atMs), `${atMs}`).toBe(false)
})

it('one that dies is suspected within two hello intervals and a look, until it is heard again', () => {
  const silence = new Silence(HELLO_MS)
  const lookMs = silenceLookMs(HELLO_MS)
  expect(silence.isSuspicious(0, 0)).toBe(false)
  expect(silence.isSuspicious(100, lookMs)).toBe(false)
  expect(silence.isSuspicious(100, 2 * lookMs)).toBe(false)
  expect(silence.isSuspicious(100, 3 * lookMs)).toBe(true)
  expect(silence.isSuspicious(100, 4 * lookMs)).toBe(true)
  expect(silence.isSuspicious(164, 5 * lookMs)).toBe(false)
})

it('the totals of a process are read from its answer', () => {
  expect(receivedBytesIn('nclients=0,bytesin=7042,bytesout=6921')).toEqual({ ok: true, value: 7042 })
  expect(receivedBytesIn('nclients=0')).toMatchObject({ ok: false })
})

test('any other answer is refused, not thrown at', fc.string({ unit: 'binary' }), (text) => {
  expect(receivedBytesIn(text).ok).toBe(/\bbytesin=\d{1,15}(?:,|$)/.test(text))
})
