import { describe, expect, it } from 'vitest'
import { METHODS, type MethodName } from '../../../../src/core/rpc/methods.ts'
import { formatTarget, MAX_TARGET_LENGTH, parseTarget } from '../../../../src/core/rpc/request-target.ts'
import { fc, test } from '../../../support/property.ts'
import { vectors } from '../../../support/vectors.ts'

const { cases } = vectors<{ cases: { name: string; target: string; status: number }[] }>('registry-rpc.json')

const anyMethod = fc.constantFrom(...(Object.keys(METHODS) as MethodName[]))
/** Any text but half surrogates, which no encoding can carry. */
const anyText = fc.string({ unit: 'binary', maxLength: 60 })
const anyCall = anyMethod.chain((method) =>
  fc.record({
    method: fc.constant(method),
    parameters: fc.record(
      Object.fromEntries(Object.keys(METHODS[method].parameters).map((name) => [name, anyText])),
    ) as fc.Arbitrary<Record<string, string>>,
  }),
)

describe('a request target', () => {
  test('says what the call is, whatever its parameters contain', anyCall, ({ method, parameters }) => {
    expect(parseTarget(formatTarget(method, parameters))).toEqual({ ok: true, value: { method, parameters } })
  })

  test('is ASCII without blanks: it stands in a request line', anyCall, ({ method, parameters }) => {
    expect(formatTarget(method, parameters)).toMatch(/^\/[\x21-\x7e]+$/)
  })

  const written = cases.filter(
    ({ name, target, status }) =>
      status < 300 && target.includes('=') && !/left out|empty query/.test(name) && !target.includes('%7E'),
  )
  it.each(written)('is written as recorded: $name', ({ target }) => {
    const call = parseTarget(target)
    expect(call.ok && formatTarget(call.value.method, call.value.parameters)).toBe(target)
  })

  it('carries every parameter, defaults included', () => {
    expect(formatTarget('requestCertificate', { token: 't', req: 'a b\n' })).toBe(
      '/requestCertificate?token=t&req=a+b%0A&location=&ip=',
    )
    expect(formatTarget('getCa', {})).toBe('/getCa')
    expect(formatTarget('hello', { client_prefix: '01' })).toBe('/hello?client_prefix=01&protocol=1')
  })

  it('with defaults left out is a whole call', () => {
    expect(parseTarget('/hello?client_prefix=01')).toEqual({
      ok: true,
      value: { method: 'hello', parameters: { client_prefix: '01', protocol: '1' } },
    })
  })

  it.each([
    ['/toString', 'there is no such method'],
    ['/__proto__', 'there is no such method'],
    ['/constructor?x=1', 'there is no such method'],
    ['/getCa?__proto__=1', 'the parameter "__proto__" is not expected'],
    ['/isToken?toString=1&token=t', 'the parameter "toString" is not expected'],
    ['/isToken', 'the parameter token is missing'],
    ['/isToken?token', 'a part of the query is not NAME=VALUE'],
    ['getCa', 'the path is not /METHOD'],
    ['/x/getCa', 'the path is not /METHOD'],
    ['', 'the path is not /METHOD'],
    [`/isToken?token=${'x'.repeat(MAX_TARGET_LENGTH)}`, 'the request is too long'],
  ])('%.40s is refused: %s', (target, reason) => {
    expect(parseTarget(target)).toEqual({ ok: false, reason })
  })

  test(
    'of arbitrary text is a call with all its parameters, or refused',
    fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.tuple(anyMethod, fc.string({ maxLength: 80 })).map(([method, query]) => `/${method}?${query}`),
      fc
        .tuple(anyMethod, fc.array(fc.constantFrom('cn', 'token', 'email', '=', '&', '%', '%4', '+', ';')))
        .map(([method, parts]) => `/${method}?${parts.join('')}`),
    ),
    (target) => {
      const call = parseTarget(target)
      if (!call.ok) return
      const { method, parameters } = call.value
      expect(Object.keys(parameters)).toEqual(Object.keys(METHODS[method].parameters))
      expect(parseTarget(formatTarget(method, parameters))).toEqual(call)
    },
  )
})
