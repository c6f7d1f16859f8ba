import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { NodeDirectory } from '../../../src/conf/node-directory.ts'
import { type Questions, terminalQuestions } from '../../../src/conf/questions.ts'
import { setUp } from '../../../src/conf/set-up.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { DAY_MS } from '../../../src/core/day.ts'
import { readCommandLine } from '../../../src/core/options/command-line.ts'
import { CONF_COMMAND, confOptions } from '../../../src/core/options/conf-options.ts'
import { refuse } from '../../../src/core/result.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { renewedAuthority } from '../../../src/registry/crypto/authority-maker.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { openMailer } from '../../../src/registry/mail.ts'
import { mailbox } from '../../support/mailbox.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{
  ca: string
  other_ca: string
  cases: { name: string; pem: string }[]
  keys: Record<string, string>
}>('pki.json')
const foreign = pki.cases.find(({ name }) => name === 'foreign')?.pem ?? ''
const caFingerprint = new X509Certificate(pki.ca).fingerprint256

let directory: string
beforeEach(() => {
  directory = temporaryDirectory()
})

const file = (name: string) => join(directory, name)
const content = (name: string) => readFileSync(file(name), 'utf8')
const certificate = () => new X509Certificate(content('cert.crt'))

const pem = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ type: 'pkcs8', format: 'pem' })

const nodeOf = (certificate: string) => {
  const read = readNodeCertificate(certificate)
  if (!read.ok) throw new Error(read.reason)
  return read.value
}

/** Something on loopback that speaks HTTP and is no registry. */
async function webServer(
  answer: (request: IncomingMessage) => [status: number, body: string],
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    const [status, body] = answer(request)
    response.writeHead(status).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Runs re6st-conf against a registry: its exit status and what it printed, or the message that it ended with. */
async function conf(
  url: string,
  options: readonly string[],
  questions: Questions = terminalQuestions,
  now: () => number = Date.now,
): Promise<{ status?: number; failure?: string; output: string; warnings: string }> {
  const args = ['--registry', url, '--dir', directory, ...options]
  const request = readCommandLine(CONF_COMMAND, confOptions, args, () => refuse('no files'))
  if (!request.ok) return { failure: request.reason, output: '', warnings: '' }
  if (request.value.kind !== 'run') throw new Error(request.value.kind)
  const [printed, warned]: string[][] = [[], []]
  const result = await setUp(request.value.options, {
    registry: new RegistryClient(url),
    directory: new NodeDirectory(directory),
    questions,
    print: (line) => printed?.push(line),
    warn: (line) => warned?.push(line),
    now,
  }).then(
    (status) => ({ status }),
    (error: Error) => ({ failure: error.message }),
  )
  return { ...result, output: printed?.join('\n') ?? '', warnings: warned?.join('\n') ?? '' }
}

describe('a new node', () => {
  it('is set up anonymously: key, certificate, CA and a sample configuration', async () => {
    await using registry = await testRegistry()
    const { status, output, warnings } = await conf(registry.url, ['--anonymous'])
    expect(status).toBe(0)
    expect(readdirSync(directory).sort()).toEqual(['ca.crt', 'cert.crt', 'cert.key', 're6stnet.conf'])
    expect(content('ca.crt')).toBe(pki.ca)
    expect(certificate().checkPrivateKey(createPrivateKey(content('cert.key')))).toBe(true)
    expect(certificate().checkIssued(new X509Certificate(pki.ca))).toBe(true)
    expect(statSync(file('cert.key')).mode & 0o777).toBe(0o600)
    expect(content('re6stnet.conf')).toContain(`registry ${registry.url}`)
    expect(output).toMatch(/Subnet 2001:db8:42::\/80, address of this node 2001:db8:42::1\./)
    expect(output).toMatch(/valid until \d{4}-\d\d-\d\d; a running node renews it from \d{4}-\d\d-\d\d on/)
    expect(warnings).toContain(`WARNING: the CA certificate was not checked.`)
    expect(warnings).toContain(`sha256:${caFingerprint}`)
  })

  it('gets a token by mail from a real SMTP server, and uses it', async () => {
    await using mails = await mailbox()
    await using registry = await testRegistry(
      {},
      {
        mailer: openMailer({
          mailhost: `127.0.0.1:${mails.port}`,
          user: undefined,
          password: undefined,
          startTls: false,
        }),
      },
    )
    const asked: string[] = []
    const person: Questions = {
      async ask(question) {
        asked.push(question)
        if (question === 'your e-mail address') return 'someone@example.com'
        const [mail] = mails.received
        expect(mail?.to).toEqual(['someone@example.com'])
        return /^Token: (\S+)$/m.exec(mail?.text ?? '')?.[1] ?? ''
      },
    }
    const { status, output } = await conf(registry.url, ['-r', 'O', 'Exämple', '-r', 'L', 'Here'], person)
    expect(status).toBe(0)
    expect(asked).toEqual(['your e-mail address', 'the token'])
    expect(output).toContain('A token was mailed to someone@example.com.')
    expect(certificate().subject.split('\n')).toEqual(['O=Exämple', 'L=Here', 'serialNumber=0', 'CN=0/16'])
  })

  it('asks again for what was mistyped, also for a token', async () => {
    await using mails = await mailbox()
    const mailhost = `127.0.0.1:${mails.port}`
    const mailer = openMailer({ mailhost, user: undefined, password: undefined, startTls: false })
    await using registry = await testRegistry({}, { mailer })
    const faults: (string | undefined)[] = []
    const tokens = ['mistyped']
    const person: Questions = {
      async ask(question, _, faultOf) {
        if (question === 'your e-mail address') {
          faults.push(faultOf?.('nobody'), faultOf?.('someone@example.com'))
          return 'someone@example.com'
        }
        return tokens.shift() ?? /^Token: (\S+)$/m.exec(mails.received[0]?.text ?? '')?.[1] ?? ''
      },
    }
    const { status, output } = await conf(registry.url, [], person)
    expect(status).toBe(0)
    expect(faults).toEqual(['nobody: not an e-mail address', undefined])
    expect(output).toContain('the registry does not know mistyped')
    expect(mails.received).toHaveLength(1)
  })

  it('keeps its certificate when the clock of the machine is behind, and says so', async () => {
    await using registry = await testRegistry()
    const behind = () => Date.UTC(2001, 0, 1)
    const first = await conf(registry.url, ['--anonymous'], terminalQuestions, behind)
    expect(first.status).toBe(0)
    expect(first.warnings).toMatch(/the clock of this machine says 2001-01-01T00:00:00\.000Z: set it/)
    const kept = content('cert.crt')
    expect(await conf(registry.url, [], terminalQuestions, behind)).toMatchObject({ status: 0 })
    expect(content('cert.crt')).toBe(kept)
  })

  it('with a token, says that an e-mail address is not used', async () => {
    await using registry = await testRegistry()
    await fetch(`${registry.url}addToken?email=a@example.com&token=given`)
    const { status, output } = await conf(registry.url, ['--token', 'given', '--email', 'b@example.com'])
    expect(status).toBe(0)
    expect(output).toContain('--email is not used')
  })

  it('checks the fingerprint, and does not warn then', async () => {
    await using registry = await testRegistry()
    const good = await conf(registry.url, ['--ca-only', '--fingerprint', `sha256:${caFingerprint}`])
    expect(good).toMatchObject({ status: 0, warnings: '' })
    expect(readdirSync(directory)).toEqual(['ca.crt'])
  })

  it('is needed on a machine outside the network; nothing is written', async () => {
    await using registry = await testRegistry()
    expect(await conf(registry.url, ['--is-needed'])).toMatchObject({ status: 0 })
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('a node that is there already', () => {
  it('is kept: neither key nor certificate change', async () => {
    await using registry = await testRegistry()
    await conf(registry.url, ['--anonymous', '-r', 'O', 'One'])
    const before = [content('cert.crt'), content('cert.key')]
    writeFileSync(file('re6stnet.conf'), 'mine')
    const { status, output, warnings } = await conf(registry.url, [])
    expect({ status, warnings }).toEqual({ status: 0, warnings: '' })
    expect(output).toContain('is a certificate of this network already, and kept')
    expect([content('cert.crt'), content('cert.key'), content('re6stnet.conf')]).toEqual([...before, 'mine'])
  })

  it('whose certificate was revoked is told so, and what to do; nothing changes, and it can enrol again', async () => {
    await using registry = await testRegistry()
    await conf(registry.url, ['--anonymous']) // the registry's own node
    const own = directory
    directory = temporaryDirectory()
    await conf(registry.url, ['--anonymous'])
    const { subnetName, serial } = nodeOf(content('cert.crt'))
    const told = async () => {
      const before = content('cert.crt')
      const { failure = '' } = await conf(registry.url, [])
      expect(content('cert.crt')).toBe(before)
      expect(failure).toMatch(
        /^.*cert\.crt: the registry does not accept this certificate any more: .*; to get/,
      )
      expect(failure).toMatch(/give --email, --token or --anonymous$/)
      return failure
    }
    // A certificate alone: the machine keeps its place.
    await fetch(`${registry.url}revoke?cn_or_serial=${serial}`)
    expect(await told()).toContain('it is revoked')
    await fetch(`${registry.url}revoke?cn_or_serial=${subnetName}`)
    expect(await told()).toContain('it knows none with this prefix')
    const revoked = directory
    directory = temporaryDirectory()
    await conf(registry.url, ['--anonymous'])
    directory = revoked
    expect(await told()).toContain('given to another machine')
    expect(await conf(registry.url, ['--anonymous'])).toMatchObject({ status: 0 })
    directory = own
    expect(await conf(registry.url, [])).toMatchObject({ status: 0 })
  })

  it('gets another certificate when asked, with the fields of the old one, for the old key', async () => {
    await using registry = await testRegistry()
    await conf(registry.url, ['--anonymous', '-r', 'O', 'One', '-r', 'L', 'Here'])
    const [old, key] = [certificate(), content('cert.key')]
    expect(await conf(registry.url, ['--anonymous', '-r', 'O', 'Two'])).toMatchObject({ status: 0 })
    expect(certificate().subject).toMatch(/^O=Two\nL=Here\n/)
    expect(certificate().serialNumber).not.toBe(old.serialNumber)
    expect(content('cert.key')).toBe(key)
  })

  it('with a key only, gets a certificate for this key', async () => {
    await using registry = await testRegistry()
    writeFileSync(file('cert.key'), pki.keys['node-a'] ?? '')
    expect(await conf(registry.url, ['--anonymous'])).toMatchObject({ status: 0 })
    expect(content('cert.key')).toBe(pki.keys['node-a'])
    expect(certificate().checkPrivateKey(createPrivateKey(pki.keys['node-a'] ?? ''))).toBe(true)
  })

  it('takes the certificate of its CA that was made anew, and no former one', async () => {
    const ends = Date.parse(new X509Certificate(pki.ca).validTo)
    const again = (notAfterMs: number) =>
      renewedAuthority({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') }, { notAfterMs })
    let served = await again(ends + DAY_MS)
    await using other = await webServer(() => [200, served])
    writeFileSync(file('ca.crt'), pki.ca)
    expect(await conf(other.url, ['--ca-only'])).toMatchObject({ status: 0 })
    const taken = content('ca.crt')
    expect(taken.trim()).toBe(served.trim())
    served = await again(ends)
    expect((await conf(other.url, ['--ca-only'])).failure).toMatch(/ca\.crt is not .*it ends earlier/)
    expect(content('ca.crt')).toBe(taken)
  })

  it('of another network is left alone', async () => {
    await using registry = await testRegistry()
    await conf(registry.url, ['--anonymous'])
    const before = { crt: content('cert.crt'), key: content('cert.key') }
    writeFileSync(file('ca.crt'), pki.other_ca)
    expect((await conf(registry.url, ['--anonymous'])).failure).toMatch(
      /ca\.crt is not the CA certificate of this registry .*: give another directory by --dir/,
    )
    expect({ crt: content('cert.crt'), key: content('cert.key') }).toEqual(before)
    writeFileSync(file('ca.crt'), pki.ca)
    writeFileSync(file('cert.crt'), foreign)
    expect((await conf(registry.url, ['--anonymous'])).failure).toMatch(
      /cert\.crt is not a certificate of this network .*--dir/,
    )
    expect(content('cert.crt')).toBe(foreign)
  })
})

describe('what goes wrong leaves no half-made node', () => {
  const left = () => readdirSync(directory).filter((name) => name !== 'ca.crt' && name !== 'cert.key')

  it('a wrong fingerprint', async () => {
    await using registry = await testRegistry()
    const { failure } = await conf(registry.url, ['--anonymous', '--fingerprint', `sha256:${'0'.repeat(64)}`])
    expect(failure).toMatch(/^--fingerprint: the registry's CA certificate has another one, sha256:/)
    expect(failure).toContain(caFingerprint)
    expect(readdirSync(directory)).toEqual([])
  })

  it('a wrong token, and a token that was used', async () => {
    await using registry = await testRegistry()
    const wrong = await conf(registry.url, ['--token', 'nonesuch'])
    expect(wrong.failure).toMatch(
      /^--token: the registry does not know nonesuch: .* ask who gave it to you for another, or give --email/,
    )
    expect(left()).toEqual([])
    await fetch(`${registry.url}addToken?email=a@example.com&token=once`)
    expect(await conf(registry.url, ['--token', 'once'])).toMatchObject({ status: 0 })
    expect((await conf(registry.url, ['--token', 'once'])).failure).toMatch(/does not know once/)
  })

  it('a directory that cannot be written: no token is used', async () => {
    await using registry = await testRegistry()
    await fetch(`${registry.url}addToken?email=a@example.com&token=kept`)
    directory = '/dev/null/re6st'
    expect((await conf(registry.url, ['--token', 'kept'])).failure).toMatch(
      /^\/dev\/null\/re6st: it is not a directory: give another by --dir$/,
    )
    expect(await (await fetch(`${registry.url}isToken?token=kept`)).text()).toBe('1')
  })

  it.each<[what: string, key: () => string | Buffer, failure: RegExp]>([
    ['garbage', () => 'garbage', /cert\.key is not a private key without password, in PEM: move it away/],
    [
      'of another kind',
      () => pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
      /cert\.key is not an RSA key: move it away/,
    ],
    [
      'shorter than that of the CA',
      () => pem(generateKeyPairSync('rsa', { modulusLength: 1024 })),
      /cert\.key has 1024 bits, and the CA's key 2048: move it away/,
    ],
  ])('a key that is there, and %s: no token is used', async (_, key, failure) => {
    await using registry = await testRegistry()
    await fetch(`${registry.url}addToken?email=a@example.com&token=kept`)
    writeFileSync(file('cert.key'), key())
    expect((await conf(registry.url, ['--token', 'kept'])).failure).toMatch(failure)
    expect(await (await fetch(`${registry.url}isToken?token=kept`)).text()).toBe('1')
  })

  it('what is no e-mail address', async () => {
    await using registry = await testRegistry()
    expect((await conf(registry.url, ['--email', 'someone'])).failure).toBe(
      '--email someone: not an e-mail address',
    )
    expect(left()).toEqual([])
  })

  it('a CA certificate that is not signed by its own key', async () => {
    // A byte of the signature, which is at the end.
    const der = Buffer.from(new X509Certificate(pki.ca).raw)
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
    const pem = `-----BEGIN CERTIFICATE-----\n${der
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n')}\n-----END CERTIFICATE-----\n`
    await using other = await webServer(() => [200, pem])
    const { failure } = await conf(other.url, ['--anonymous'])
    expect(failure).toMatch(/no usable CA certificate: it is not signed by its own key/)
    expect(readdirSync(directory)).toEqual([])
  })

  it('a registry that does not speak TLS', async () => {
    await using registry = await testRegistry()
    const { failure } = await conf(registry.url.replace('http:', 'https:'), ['--anonymous'])
    expect(failure).toMatch(/does not speak TLS: is --registry right, with http or https\?$/)
  })

  it('a registry that is down', async () => {
    const { failure } = await conf('http://127.0.0.1:9/', ['--token', 'kept'])
    expect(failure).toMatch(/^http:\/\/127\.0\.0\.1:9\/: connection refused: is the registry running/)
    expect(readdirSync(directory)).toEqual([])
  })

  it('a registry that fails when it has the token: how to try again is said', async () => {
    await using broken = await webServer(({ url }) => (url === '/getCa' ? [200, pki.ca] : [500, '']))
    const { failure } = await conf(broken.url, ['--token', 'kept'])
    expect(failure).toMatch(
      /failed \(status 500\).*run again with --token kept; if .* ask for another token$/,
    )
    expect(left()).toEqual([])
  })

  it.each([
    ['<html>hello</html>', 200],
    ['not here', 404],
    ['not for you', 403],
    ['what is that', 400],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 200],
  ])('not a registry: %j, status %i', async (body, status) => {
    await using other = await webServer(() => [status, body])
    const { failure } = await conf(other.url, ['--anonymous'])
    expect(failure).toMatch(/not a re6st registry|no usable CA certificate/)
    expect(readdirSync(directory)).toEqual([])
  })

  it('registration disabled: by mail, anonymously', async () => {
    await using registry = await testRegistry({
      registration: { mailPrefixLength: 16, anonymousPrefixLength: 0 },
    })
    expect((await conf(registry.url, ['--anonymous'])).failure).toMatch(
      /registration of this kind is disabled; give --email to register by mail/,
    )
    expect((await conf(registry.url, ['--email', 'a@example.com'])).failure).toMatch(
      /registration of this kind is disabled; try --anonymous, or ask the operator/,
    )
    expect(left()).toEqual([])
  })

  it('no terminal: says which option to give, before anything was mailed', async () => {
    await using mails = await mailbox()
    await using registry = await testRegistry(
      {},
      {
        mailer: openMailer({
          mailhost: `127.0.0.1:${mails.port}`,
          user: undefined,
          password: undefined,
          startTls: false,
        }),
      },
    )
    expect((await conf(registry.url, [])).failure).toBe(
      'no terminal to ask for your e-mail address: give --email, --token or --anonymous',
    )
    expect(mails.received).toEqual([])
    expect((await conf(registry.url, ['--email', 'a@example.com'])).failure).toBe(
      'no terminal to ask for the token: give --token',
    )
    expect(mails.received).toHaveLength(1)
    expect(existsSync(file('cert.crt'))).toBe(false)
  })

  it('a field that the registry sets, before anything was asked for', async () => {
    const { failure } = await conf('http://127.0.0.1:9/', ['--anonymous', '-r', 'CN', 'x'])
    expect(failure).toBe('--req CN: this attribute is set by the registry')
  })

  it('a country that is none, before anything was asked for', async () => {
    const { failure } = await conf('http://127.0.0.1:9/', ['--anonymous', '-r', 'C', 'France'])
    expect(failure).toBe('--req C France: a country is two letters, as FR or JP')
  })
})
