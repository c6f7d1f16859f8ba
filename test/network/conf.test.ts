import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { programOf } from '../../lab/programs.ts'
import { openMailer } from '../../src/registry/mail.ts'
import type { RunningRegistry } from '../../src/registry/registry-settings.ts'
import { mailbox } from '../support/mailbox.ts'
import { temporaryDirectory, testRegistry } from '../support/registry.ts'

/** What needs root, or a terminal: the rest is in test/unit/conf. */

let registry: RunningRegistry & { readonly url: string }
beforeAll(async () => {
  registry = await testRegistry()
})
afterAll(() => registry[Symbol.asyncDispose]())

const addToken = (token: string) => fetch(`${registry.url}addToken?email=a@example.com&token=${token}`)
const isToken = async (token: string) =>
  (await (await fetch(`${registry.url}isToken?token=${token}`)).text()) === '1'

const [node, ...program] = programOf('re6st-conf')

/** Runs re6st-conf in a directory that is a file system of its own, seen by it alone. */
const confOn = (mountOptions: string, ...options: string[]) => {
  const directory = join(temporaryDirectory(), 'node')
  mkdirSync(directory)
  const mountAndRun = `mount -t tmpfs -o ${mountOptions} tmpfs "$0" && "$@"; status=$?; ls -A "$0" >&2; exit $status`
  return execa(
    'unshare',
    [
      ...['--mount', 'sh', '-c', mountAndRun, directory],
      ...[node, ...program, '--registry', registry.url, '--dir', directory, ...options],
    ],
    { reject: false },
  )
}

describe('re6st-conf', () => {
  it.each([
    ['a full disk', 'size=40k', /node: the disk is full: free some space, and run again$/m],
    ['a disk that is read-only', 'ro', /node: cannot write there \(EROFS\): .*--dir$/m],
  ])('%s: says so, uses no token, leaves nothing', async (name, mountOptions, message) => {
    const token = `kept-${name.split(' ')[1]}`
    await addToken(token)
    const { exitCode, stderr } = await confOn(mountOptions, '--token', token)
    expect(stderr).toMatch(message)
    expect(exitCode).toBe(1)
    expect(stderr.split('\n')).toHaveLength(1) // the message, and no file
    expect(await isToken(token)).toBe(true)
  })

  it('a disk with room for what is needed is enough', async () => {
    const { exitCode, stderr } = await confOn('size=96k', '--anonymous')
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/ca\.crt\ncert\.crt\ncert\.key\nre6stnet\.conf$/)
  })

  it('asks at a terminal', async () => {
    await using mails = await mailbox()
    const mailhost = `127.0.0.1:${mails.port}`
    const mailer = openMailer({ mailhost, user: undefined, password: undefined, startTls: false })
    await using registry = await testRegistry({}, { mailer })
    const directory = temporaryDirectory()
    const command = [node, ...program, '--registry', registry.url, '--dir', directory].join(' ')
    // `script` gives it a terminal, and types what we write.
    const terminal = execa('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      reject: false,
    })
    let seen = ''
    terminal.stdout.on('data', (chunk: Buffer) => {
      const before = seen
      seen += chunk
      const isNew = (text: string) => seen.includes(text) && !before.includes(text)
      if (isNew('your e-mail address: ')) terminal.stdin.write('someone@example.com\n')
      if (isNew('the token: '))
        terminal.stdin.write(`${/^Token: (\S+)$/m.exec(mails.received[0]?.text ?? '')?.[1]}\n`)
    })
    const { exitCode } = await terminal
    expect(seen).toContain('A token was mailed to someone@example.com.')
    expect(seen).toContain('Subnet 2001:db8:42::/64, address of this node 2001:db8:42::1.')
    expect(exitCode).toBe(0)
    expect(readdirSync(directory).sort()).toEqual(['ca.crt', 'cert.crt', 'cert.key', 're6stnet.conf'])
  })
})
