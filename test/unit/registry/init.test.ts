import { X509Certificate } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { readAuthority } from '../../../src/core/crypto/certificate.ts'
import { subjectAttributesOf } from '../../../src/core/crypto/subject.ts'
import { readRegistryCommandLine } from '../../../src/core/options/registry-commands.ts'
import { refuse } from '../../../src/core/result.ts'
import { networkOfCidr, uniqueLocalNetwork } from '../../../src/core/values/network-range.ts'
import { networkCidr } from '../../../src/core/values/prefix.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryDirectory } from '../../support/registry.ts'

interface Made {
  network: string
  fingerprint: string
  files: { ca: string; key: string; configuration: string }
  next: string[]
}

async function init(args: readonly string[]) {
  const [program, ...more] = programOf('re6st-registry')
  return execa(program, [...more, 'init', ...args], { reject: false })
}

/** A directory with our commands, as they are called. */
function commandsDirectory(): string {
  const directory = temporaryDirectory()
  for (const name of ['re6st-registry', 're6st'] as const) {
    const command = programOf(name).map((word) => `'${word}'`)
    writeFileSync(join(directory, name), `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`, { mode: 0o755 })
  }
  return directory
}

describe('re6st-registry init', () => {
  it('makes a network that runs when its own lines are run', async () => {
    const directory = join(temporaryDirectory(), 'new')
    const port = await freePort()
    const made = await init(['-d', directory, '--port', String(port), '--email', 'a@example.com', '--json'])
    expect(made).toMatchObject({ exitCode: 0, stderr: '' })
    const { network, files, fingerprint, next } = JSON.parse(made.stdout) as Made
    expect(network).toMatch(/^fd[0-9a-f:]+::\/48$/)
    expect(statSync(files.key).mode & 0o777).toBe(0o600)
    const authority = readAuthority(readFileSync(files.ca, 'utf8'))
    expect(authority).toMatchObject({ ok: true, value: { email: 'a@example.com', keyBits: 2048 } })
    expect(authority.ok && networkCidr(authority.value.network)).toBe(network)

    appendFileSync(files.configuration, `db registry.db\nlogfile registry.log\n4 127.0.0.1\n6 ''\n`)
    // All but what starts the node; its database is not the one that is usual.
    const [cd = '', start = '', join_ = ''] = next
    const enrol = join_.replace('invite', 'invite --db registry.db')
    const script = `${cd}\n${start}\n${enrol} --fingerprint ${fingerprint}; status=$?; kill $!; wait; exit $status`
    const { exitCode, stderr } = await execa('sh', ['-c', script], {
      env: { PATH: `${commandsDirectory()}:${process.env['PATH']}` },
      reject: false,
      timeout: 60_000,
    })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const node = new X509Certificate(readFileSync(join(directory, 'cert.crt')))
    expect(node.subject).toContain('CN=0/16')
    expect(existsSync(join(directory, 're6stnet.conf'))).toBe(true)
  }, 90_000)

  it('takes the prefix, the name and the validity that are given', async () => {
    const directory = temporaryDirectory()
    const args = ['--prefix', '2001:db8:42::/48', '--name', 'O’Neill’s, Inc. = +1', '--days', '10']
    const { stdout, exitCode } = await init(['-d', directory, ...args])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('2001:db8:42::/48')
    const ca = new X509Certificate(readFileSync(join(directory, 'ca.crt')))
    expect(ca.serialNumber).toBe('0120010DB80042')
    expect(subjectAttributesOf(ca)).toMatchObject({ CN: 'O’Neill’s, Inc. = +1' })
    const days = (Date.parse(ca.validTo) - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(9.9)
    expect(days).toBeLessThan(10.1)
    expect(readFileSync(join(directory, 're6st-registry.conf'), 'utf8')).toMatch(/^encrypt$/m)
  })

  it.each(['ca.crt', 'ca.key', 're6st-registry.conf'])('does not overwrite %s', async (name) => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, name), 'mine')
    const { exitCode, stderr } = await init(['-d', directory])
    expect(exitCode).toBe(1)
    expect(stderr).toContain(join(directory, name))
    expect(stderr.split('\n')).toHaveLength(1)
    expect(readdirSync(directory)).toEqual([name])
    expect(readFileSync(join(directory, name), 'utf8')).toBe('mine')
  })
  it('says that a file is no directory', async () => {
    const file = join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    for (const directory of [file, join(file, 'inside')]) {
      const { exitCode, stderr } = await init(['-d', directory])
      expect(exitCode).toBe(1)
      expect(stderr).toContain(`${directory}: is no directory, or inside of what is none`)
    }
  })
})

describe('a subcommand', () => {
  const read = (...args: string[]) => readRegistryCommandLine(args, () => refuse('no such file'))

  it('is not needed', () => {
    expect(read('--ca', 'a', '--key', 'k')).toMatchObject({
      ok: true,
      value: { options: { command: 'run' } },
    })
    expect(read('inits')).toMatchObject({ ok: false, reason: expect.stringContaining('did you mean init') })
    expect(read('init', '--help')).toMatchObject({ value: { command: { name: 're6st-registry init' } } })
  })

  it.each([
    [['init', '--prefix', '10.0.0.0/8'], '--prefix'],
    [['init', '--prefix', 'fe80::/64'], 'fd00::/8'],
    [['init', '--prefix', 'fd00::1/64'], 'must be 0'],
    [['init', '--prefix', 'fd00::/120'], 'from /8 to /112'],
    [['init', '--name', 'x'.repeat(65)], '--name'],
    [['init', '--days', '0'], '--days'],
    [['init', '--email', 'nobody'], '--email'],
  ])('refuses %j', (args, reason) => {
    expect(read(...args)).toMatchObject({ ok: false, reason: expect.stringContaining(reason) })
  })
})

it('a network that nobody else has is fd and what is random', () => {
  const network = uniqueLocalNetwork((octets) => Uint8Array.from({ length: octets }, (_, at) => at + 1))
  expect(networkCidr(network)).toBe('fd01:203:405::/48')
  expect(networkOfCidr('fd01:203:405::/48')).toEqual({ ok: true, value: network })
})
