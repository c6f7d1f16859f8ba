import { ok, type Result, refuse } from '../result.ts'

/** The oldest OpenVPN that we are tested with; Debian 12 has 2.6. */
const OLDEST = [2, 6] as const

/** The version in what `openvpn --version` prints, refused if it is too old. */
export function checkOpenvpnVersion(printed: string): Result<string> {
  const [, version, major = '', minor = ''] = /^OpenVPN ((\d{1,4})\.(\d{1,4})\S*)/m.exec(printed) ?? []
  if (version === undefined) return refuse('openvpn does not tell its version')
  const newEnough = Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1])
  return newEnough
    ? ok(version)
    : refuse(`openvpn ${version} is too old: ${OLDEST.join('.')} or later is needed`)
}
