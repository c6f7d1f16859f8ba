import { ok, type Result, refuse } from '../result.ts'

/** The oldest babeld with MAC keys (`key`), a control socket at a path and round-trip times; Debian 12 has 1.12. */
const OLDEST = [1, 12] as const

/** The version in what `babeld -V` prints, refused if it is too old. */
export function checkBabeldVersion(printed: string): Result<string> {
  const [, version, major = '', minor = ''] = /^babeld-((\d{1,4})\.(\d{1,4})\S*)/m.exec(printed) ?? []
  if (version === undefined) return refuse('babeld does not tell its version')
  const newEnough = Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1])
  return newEnough
    ? ok(version)
    : refuse(`babeld ${version} is too old: ${OLDEST.join('.')} or later is needed`)
}
