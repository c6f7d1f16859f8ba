import { type Authority, readAuthority } from '../core/crypto/certificate.ts'
import { Re6stError } from '../core/errors.ts'
import { readNamedFile } from '../platform/named-file.ts'

/** The authority whose certificate `--ca` names. @throws Re6stError `FILE`, `CERTIFICATE` */
export function readAuthorityFile(path: string): Authority {
  const authority = readAuthority(readNamedFile('--ca', path))
  if (!authority.ok) throw new Re6stError('CERTIFICATE', `--ca ${path}: ${authority.reason}`)
  return authority.value
}
