import { checkAuthority } from '../core/crypto/authority-check.ts'
import {
  type Authority,
  certificateFingerprint,
  fingerprint,
  readAuthority,
} from '../core/crypto/certificate.ts'
import { Re6stError } from '../core/errors.ts'
import type { ConfOptions } from '../core/options/conf-options.ts'
import { fingerprintText } from '../core/values/fingerprint-text.ts'
import { networkCidr } from '../core/values/prefix.ts'
import type { SetUpComponents } from './components.ts'

/** The CA's certificate, as the registry gives it, and as the user expects it. */
export async function fetchAuthority(
  { fingerprint: expected }: ConfOptions,
  { registry, directory, warn }: SetUpComponents,
): Promise<Authority> {
  const authority = readAuthority(await registry.getCa())
  if (!authority.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable CA certificate: ${authority.reason}`)
  const checked = checkAuthority(authority.value, undefined)
  if (!checked.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable CA certificate: ${checked.reason}`)
  if (expected) {
    const actual = fingerprint(expected.algorithm, authority.value.der)
    if (!actual.equals(expected.digest))
      throw new Re6stError(
        'CERTIFICATE',
        `--fingerprint: the registry's CA certificate has another one, ${fingerprintText(expected.algorithm, actual)}: either it is mistyped, or this is not the registry that you think`,
      )
  } else if ((await directory.read('ca.crt')) !== authority.value.pem) {
    warn(
      `WARNING: the CA certificate was not checked. Ask the operator of the network whether this is its fingerprint, or give it by --fingerprint: ${certificateFingerprint(authority.value.der)}`,
    )
  }
  return authority.value
}

/** Keeps it as `ca.crt`. @throws Re6stError `CERTIFICATE` when that of another network is there */
export async function keepAuthority(
  authority: Authority,
  { directory, print }: SetUpComponents,
): Promise<void> {
  const path = directory.file('ca.crt')
  const pem = await directory.read('ca.crt')
  if (pem !== undefined) {
    const old = readAuthority(pem)
    const checked = old.ok ? checkAuthority(authority, old.value) : old
    if (!old.ok || !checked.ok)
      throw new Re6stError(
        'CERTIFICATE',
        `${path} is not the CA certificate of this registry${old.ok && !checked.ok ? ` (of what the registry sent: ${checked.reason})` : ''}: give another directory by --dir, or move it away to leave the other network`,
      )
    if (old.value.der.equals(authority.der)) return
  }
  await directory.write('ca.crt', authority.pem)
  print(`${path}: certificate of the authority of network ${networkCidr(authority.network)}`)
}
