import { describe, expect, it } from 'vitest'
import { originOf, plainAddress, sourceOf } from '../../../../src/registry/server/caller.ts'

const trust = (trustedProxies: readonly string[] = [], authorizedOrigins: readonly string[] = []) => ({
  authorizedOrigins: new Set(['127.0.0.1', '::1', ...authorizedOrigins]),
  trustedProxies: new Set(trustedProxies),
})
const isOperator = (
  headers: Record<string, string>,
  peer: string | undefined = '127.0.0.1',
  proxies: readonly string[] = [],
) => originOf({ headers }, peer, trust(proxies)).notOperator === undefined

describe('private methods', () => {
  it.each<[what: string, headers: Record<string, string>]>([
    ['nothing', {}],
    ['a name for this machine', { host: 'localhost' }],
    ['that and a port', { host: 'LOCALHOST:8080' }],
    ['an address', { host: '127.0.0.1:8080' }],
    ['an IPv6 address', { host: '[::1]:8080' }],
    ['curl says so', { host: 'localhost', 'user-agent': 'curl/8.14.1', accept: '*/*' }],
    ['somebody typed it', { host: 'localhost', 'sec-fetch-site': 'none' }],
  ])('are open to this machine where the request says %s', (_, headers) => {
    expect(isOperator(headers)).toBe(true)
    expect(isOperator(headers, '::1')).toBe(true)
    expect(isOperator(headers, undefined)).toBe(true)
    expect(isOperator(headers, '192.0.2.1')).toBe(false)
  })

  it.each<[what: string, headers: Record<string, string>]>([
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a page of the same name', { 'sec-fetch-site': 'same-origin' }],
    ['an origin', { origin: 'http://evil.example' }],
    ['no origin to name', { origin: 'null' }],
    ['a page', { referer: 'http://evil.example/' }],
    ['a name that was made to point here', { host: 'evil.example' }],
    ['a name like an address', { host: '127.0.0.1.evil.example' }],
    ['nonsense for a host', { host: '[::1' }],
    ['for whom a proxy asks', { 'x-forwarded-for': '127.0.0.1' }],
    ['in another way for whom', { 'x-real-ip': '127.0.0.1' }],
    ['that it was passed on', { via: '1.1 proxy' }],
    ['that in the standard way', { forwarded: 'for=127.0.0.1' }],
    ['which name was asked for', { 'x-forwarded-host': 'registry.example.com' }],
    ['that it came by TLS', { 'x-forwarded-proto': 'https' }],
  ])('are closed to this machine, too, where the request says %s', (_, headers) => {
    expect(isOperator({ host: 'localhost', ...headers })).toBe(false)
    expect(isOperator({ host: 'localhost', ...headers }, undefined)).toBe(false)
  })

  it('are open through a proxy that was named, to whom it says is an authorised origin', () => {
    const through = (forwarded: string) =>
      isOperator({ host: 'localhost', via: '1.1 proxy', 'x-forwarded-for': forwarded }, '127.0.0.1', [
        '127.0.0.1',
        '10.0.0.1',
      ])
    expect(through('::1')).toBe(true)
    expect(through('127.0.0.1')).toBe(true)
    expect(through('192.0.2.1')).toBe(false)
    // What the client wrote, and what the proxy added to it.
    expect(through('::1, 192.0.2.1')).toBe(false)
    expect(through('192.0.2.1, ::1')).toBe(true)
    // Another proxy that was named stands before the first.
    expect(through('::1, 192.0.2.1, 10.0.0.1')).toBe(false)
  })
})

describe('where a call comes from', () => {
  it('is the other end, unless that is a proxy of this machine, or one that was named', () => {
    const address = (peer: string, forwarded: string, proxies: string[] = []) =>
      originOf({ headers: { 'x-forwarded-for': forwarded } }, peer, trust(proxies)).address
    expect(address('192.0.2.1', '198.51.100.1')).toBe('192.0.2.1')
    expect(address('127.0.0.1', '198.51.100.1')).toBe('198.51.100.1')
    expect(address('192.0.2.1', '198.51.100.1', ['192.0.2.1'])).toBe('198.51.100.1')
  })

  it.each([
    ['203.0.113.9:51008', '203.0.113.9'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['"[2001:db8::1]:443"', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8::1', '2001:db8::1'],
    ['unknown', 'unknown'],
  ])('is written %s by some, and means %s', (written, address) => {
    expect(plainAddress(written)).toBe(address)
    const { address: located } = originOf({ headers: { 'x-forwarded-for': written } }, '::1', trust())
    expect(located).toBe(address)
  })

  it('counts as one source for each IPv4 address and each /64; what no proxy names is not counted', () => {
    expect(sourceOf('192.0.2.1')).toBe('192.0.2.1')
    expect(sourceOf('2001:DB8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(sourceOf('2001:db8::9')).toBe('2001:db8:0:0::/64')
    expect(sourceOf('::1')).toBe('0:0:0:0::/64')
    const source = (peer: string | undefined, headers = {}) => originOf({ headers }, peer, trust()).source
    expect(source('127.0.0.1')).toBeUndefined()
    expect(source(undefined)).toBeUndefined()
    expect(source('127.0.0.2')).toBe('127.0.0.2')
    // A client can write what it likes; the proxy adds the truth.
    expect(source('127.0.0.1', { 'x-forwarded-for': '192.0.2.1, 198.51.100.1' })).toBe('198.51.100.1')
  })

  it('is put down to whom the proxy has seen, and not to whom that says it is', () => {
    const client = (peer: string, forwarded: string) =>
      originOf({ headers: { 'x-forwarded-for': forwarded } }, peer, trust(['192.0.2.1', '192.0.2.2'])).client
    expect(client('192.0.2.1', '10.0.0.1, 198.51.100.1')).toBe('198.51.100.1')
    expect(client('192.0.2.1', '10.0.0.1, 198.51.100.1, 192.0.2.2')).toBe('198.51.100.1')
    expect(client('203.0.113.1', '198.51.100.1')).toBe('203.0.113.1')
  })
})
