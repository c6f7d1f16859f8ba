// On SQLite alone: what is recorded is what re6st-conf asks, whatever a registry keeps it in.

import { createHash, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { openMailer } from '../../../src/registry/mail.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

interface Recorded {
  readonly name: string
  readonly arguments: readonly string[]
  readonly stdin: string
  readonly exit: number
  readonly files: Readonly<Record<string, RecordedFile>>
  readonly tokens_left: readonly string[]
}

interface RecordedFile {
  /** As Python writes it: `0o644`. */
  readonly mode: string
  readonly subject?: readonly (readonly [name: string, value: string])[]
  readonly text?: string
  readonly unchanged?: true
}

const recorded = vectors<{ cases: Recorded[] }>('commands.json').cases
const pki = vectors<{ ca: string; keys: Record<string, string>; cases: { name: string; pem: string }[] }>(
  'pki.json',
)
const nodeA = pki.cases.find(({ name }) => name === 'node-a')?.pem ?? ''

/** What was in the directory before. */
const BEFORE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'existing key and certificate: key kept, fields of the subject used again, file overwritten': {
    'cert.key': pki.keys['node-a'] ?? '',
    'cert.crt': nodeA,
  },
  'existing option file is kept': { 're6stnet.conf': 'mine\n' },
  'existing certificate, unknown token: it stays': {
    'cert.key': pki.keys['node-a'] ?? '',
    'cert.crt': nodeA,
  },
  'existing key that cannot be read': { 'cert.key': 'x' },
  'existing certificate that cannot be read': { 'cert.crt': 'x' },
}

const ALL_FILES = { 'ca.crt': '0o644', 'cert.crt': '0o644', 'cert.key': '0o600', 're6stnet.conf': '0o644' }

/** Where ours is better, and how. */
const BETTER: Readonly<Record<string, { readonly why: string } & Partial<Outcome>>> = {
  'fingerprint with colons': {
    why: 'openssl prints it so',
    ...{ exit: 0, files: ALL_FILES, used: ['conf3'] },
  },
  'no algorithm': { why: 'its length tells', exit: 0, files: ALL_FILES, used: ['conf3'] },
  'anonymous with a token': { why: 'a mistake shows before anything is fetched', files: {} },
  'reserved field CN': { why: 'the same, and a mistake in an option is status 2', exit: 2, files: {} },
  'reserved field serial': { why: 'as before', exit: 2, files: {} },
  'field that does not exist': { why: 'as before', exit: 2, files: {} },
  'no such scheme': { why: 'a mistake in an option is status 2', exit: 2 },
  'asks for the e-mail address, then the token': {
    why: 'only a terminal is asked: what a script forgot must not be read from what is meant for another program',
    ...{ exit: 2, files: { 'ca.crt': '0o644', 'cert.key': '0o600' }, used: [] },
  },
  'e-mail given, standard input ends before the token': {
    why: 'only a terminal is asked; the key is made before a token is mailed',
    ...{ exit: 2, files: { 'ca.crt': '0o644', 'cert.key': '0o600' } },
  },
}

/** What can be told of a run. */
interface Outcome {
  readonly exit: number
  /** Name and mode of every file that is left. */
  readonly files: Readonly<Record<string, string>>
  /** Tokens that are gone. */
  readonly used: readonly string[]
}

const TOKENS = Array.from({ length: 9 }, (_, at) => `conf${at}`)

const isPresent = <T>(value: T | undefined): value is T => value !== undefined

/** Options in a file, in order, without comments; URLs in one form. */
const optionsIn = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/http:\S+/, (url) => new URL(url).pathname))

describe('re6st-conf, as recorded', () => {
  it('with the same authority', () => {
    const digest = createHash('sha1').update(new X509Certificate(pki.ca).raw).digest('hex')
    expect(recorded[0]?.arguments).toContain(`sha1:${digest}`)
  })

  it.each(recorded.map((one, at) => ({ ...one, before: recorded[at - 1]?.tokens_left ?? TOKENS })))(
    '$name',
    async ({ name, arguments: args, stdin, exit, files, tokens_left: left, before }) => {
      const directory = temporaryDirectory()
      for (const [file, content] of Object.entries(BEFORE[name] ?? {}))
        writeFileSync(join(directory, file), content, { mode: 0o644 })
      const mailer = openMailer({
        ...{ mailhost: join(temporaryDirectory(), 'mbox'), user: undefined, password: undefined },
        startTls: false,
      })
      await using registry = await testRegistry({}, { mailer })
      for (const token of TOKENS)
        await fetch(`${registry.url}addToken?email=${token}@example.com&token=${token}`)
      const isToken = async (token: string) =>
        (await (await fetch(`${registry.url}isToken?token=${token}`)).text()) === '1'

      const command = args.map((word) =>
        word.replace('http://127.0.0.1:8646', registry.url).replace('<dir>', directory),
      )
      const { exitCode, stderr } = await execa(
        'sh',
        ['-c', 'umask 022; exec "$@"', 'sh', ...programOf('re6st-conf'), ...command],
        { input: stdin, reject: false },
      )

      const { why: _, ...better } = BETTER[name] ?? { why: '' }
      const expected: Outcome = {
        exit,
        files: Object.fromEntries(Object.entries(files).map(([file, { mode }]) => [file, mode])),
        used: before.filter((token) => !left.includes(token)),
        ...better,
      }
      const used = await Promise.all(
        TOKENS.map(async (token) => ((await isToken(token)) ? undefined : token)),
      )
      const outcome: Outcome = {
        exit: exitCode ?? -1,
        files: Object.fromEntries(
          readdirSync(directory).map((file) => [
            file,
            `0o${(statSync(join(directory, file)).mode & 0o777).toString(8)}`,
          ]),
        ),
        used: used.filter(isPresent),
      }
      expect(outcome, stderr).toEqual(expected)
      // A failure is one line.
      if (outcome.exit !== 0) expect(stderr.replace(/^WARNING.*\n/gm, '').split('\n')).toHaveLength(1)

      const { 'cert.crt': certificate, 're6stnet.conf': options } = files
      const ours = (file: string) => readFileSync(join(directory, file), 'utf8')
      for (const [file, { unchanged }] of Object.entries(files))
        if (unchanged) expect(ours(file)).toBe(BEFORE[name]?.[file])
      if (outcome.exit === 0 && certificate?.subject) {
        const subject = new X509Certificate(ours('cert.crt')).subject.split('\n')
        const fields = certificate.subject.filter(([field]) => field !== 'CN' && field !== 'serialNumber')
        // Which prefix and number are given depends on who came before: here nobody did.
        expect(subject.slice(0, -2)).toEqual(fields.map((field) => field.join('=')))
        expect(subject.slice(-2)).toEqual(['serialNumber=0', `CN=0/${name === 'anonymous' ? 32 : 16}`])
      }
      if (outcome.exit === 0 && options?.text)
        expect(optionsIn(ours('re6stnet.conf'))).toEqual(optionsIn(options.text))
    },
  )
})
