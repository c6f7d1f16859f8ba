import { describe, expect, it } from 'vitest'
import { managementCommand } from '../../../../src/core/openvpn/management-command.ts'
import { fc, test } from '../../../support/property.ts'

describe('commands', () => {
  it('are written as OpenVPN reads them', () => {
    expect(managementCommand.admitClient(3, 1, ['setenv-safe external_ip 192.0.2.7', 'x'])).toBe(
      'client-auth 3 1\npush "setenv-safe external_ip 192.0.2.7"\npush "x"\nEND\n',
    )
    expect(managementCommand.readmitClient(3, 2)).toBe('client-auth-nt 3 2\n')
    expect(managementCommand.denyClient(3, 2, 'no "place"')).toBe(
      'client-deny 3 2 "no \\"place\\"" "no \\"place\\""\n',
    )
    expect(managementCommand.killClient(3)).toBe('client-kill 3\n')
    expect(managementCommand.killClient(3, 'in use twice')).toBe('client-kill 3 "RESTART,in use twice"\n')
    expect(managementCommand.byteCount(10)).toBe('bytecount 10\n')
  })

  test(
    'are one line, with two whole parameters, whatever the reason',
    fc.string({ unit: 'binary' }),
    (reason) => {
      const command = managementCommand.denyClient(1, 2, reason)
      expect(command).toMatch(/^client-deny 1 2 ("(?:[^"\\\p{Cc}]|\\["\\])*") \1\n$/su)
      expect(command.length).toBeLessThan(900)
    },
  )
})
