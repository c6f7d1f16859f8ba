import { describe, expect, it } from 'vitest'
import { isEmailAddress } from '../../../../src/core/values/email-address.ts'
import { parseMailServer } from '../../../../src/core/values/mail-server.ts'
import { printable } from '../../../../src/core/values/printable.ts'

describe('a mail server', () => {
  it.each([
    ['localhost', 'localhost', 25],
    ['mail.example.com:587', 'mail.example.com', 587],
    ['192.0.2.1:2525', '192.0.2.1', 2525],
    ['::1', '::1', 25],
    ['2001:db8::25', '2001:db8::25', 25],
    ['[::1]', '::1', 25],
    ['[2001:db8::1]:2525', '2001:db8::1', 2525],
  ])('written as %s is %s, port %i', (text, host, port) => {
    expect(parseMailServer(text)).toEqual({ host, port })
  })
})

describe('an e-mail address', () => {
  it.each(['a@b', 'first.last+tag@example.com', 'a@exämple.org', "o'neil@example.com"])(
    'can be %s',
    (text) => {
      expect(isEmailAddress(text)).toBe(true)
    },
  )

  it.each([
    ...['a,b@example.com', 'x:y@z.example', 'a;b@c.example', '<a@b.c>', 'a@b.c>', '"a b"@c.example'],
    ...[
      'ü@example.org',
      'a@b@c',
      'a@',
      '@b',
      'a@b,c@d',
      '\x1b[2Ja@b.c',
      'a@b\u009b.c',
      `${'a'.repeat(251)}@b.c`,
    ],
  ])('is not %j: mail programs would read something else', (text) => {
    expect(isEmailAddress(text)).toBe(false)
  })
})

describe('text of others', () => {
  it('is shown without what a terminal obeys', () => {
    expect(printable('a\x1b[2J\x07\x7f\u009b1m\nü')).toBe('a\\u001b[2J\\u0007\\u007f\\u009b1m\\u000aü')
  })
})
