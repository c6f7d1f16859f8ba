import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { endedNotice, readIdentity } from '../../../src/node/identity.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{
  ca: string
  other_ca: string
  keys: Record<string, string>
  cases: { name: string; pem: string }[]
}>('pki.json')
const { pem: own = '' } = pki.cases.find(({ name }) => name === 'node-a') ?? {}

/** Files with these contents, and why they are refused. */
async function refusal({ ca = pki.ca, cert = own, key = pki.keys['node-a'] ?? '' }): Promise<string> {
  const directory = temporaryDirectory()
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  const files = { ca: file('ca.crt', ca), cert: file('cert.crt', cert), key: file('cert.key', key) }
  const reason = await readIdentity(files, Date.now()).then(
    () => 'none',
    (error: Error) => error.message,
  )
  return reason.replaceAll(`${directory}/`, '')
}

describe('the files of a node', () => {
  it.each<[Parameters<typeof refusal>[0], string]>([
    [{ ca: 'garbage' }, '--ca ca.crt: not a certificate'],
    [{ cert: 'garbage' }, '--cert cert.crt: not a certificate'],
    [{ key: 'garbage' }, '--key cert.key: not a private key without password, in PEM'],
    [{ ca: pki.other_ca }, '--cert cert.crt: the certificate was issued by another CA (CA: ca.crt)'],
    [{ key: pki.keys['ca'] ?? '' }, '--key cert.key: it is not the key of the certificate cert.crt'],
  ])('%#: what is wrong is said', async (files, reason) => {
    expect(await refusal(files)).toBe(reason)
  })

  it('that are missing: who makes them is said', async () => {
    const files = { ca: '/nowhere/ca.crt', cert: '/nowhere/cert.crt', key: '/nowhere/cert.key' }
    await expect(readIdentity(files, Date.now())).rejects.toThrow(
      /^--\w+ \/nowhere\/\S+: cannot be read: no such file; re6st-conf makes it; relative paths begin at the directory in which re6stnet is started$/,
    )
    await expect(readIdentity({ ca: 'a.crt', cert: 'a.crt', key: 'a.crt' }, Date.now())).rejects.toThrow(
      ` ${process.cwd()}/a.crt: `,
    )
    await expect(readIdentity({ ca: '/', cert: '/', key: '/' }, Date.now())).rejects.toThrow(
      /^--\w+ \/: cannot be read: it is a directory$/,
    )
  })
})

describe('a certificate that has ended, by this clock', () => {
  it('is told of with both dates: it may be the clock', async () => {
    const directory = temporaryDirectory()
    const file = (name: string, content: string) => {
      writeFileSync(join(directory, name), content)
      return join(directory, name)
    }
    const files = {
      ca: file('ca.crt', pki.ca),
      cert: file('cert.crt', own),
      key: file('cert.key', pki.keys['node-a'] ?? ''),
    }
    const identity = await readIdentity(files, Date.now())
    const { notAfterMs } = identity.certificate
    const end = new Date(Math.min(notAfterMs, identity.authority.notAfterMs)).toISOString().slice(0, 10)
    expect(endedNotice(identity, Date.now())).toBeUndefined()
    const later = notAfterMs + 2 * 365 * 86_400_000
    expect(endedNotice(identity, later)).toContain(`ended on ${end}`)
    expect(endedNotice(identity, later)).toContain(new Date(later).toISOString().slice(0, 10))
  })
})
