import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { temporaryDirectory } from '../../support/registry.ts'

const COMMANDS = ['re6stnet', 're6st-registry', 're6st-conf', 're6st'] as const
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const run = async (command: (typeof COMMANDS)[number], args: readonly string[], directory = '.') => {
  const [program, ...more] = programOf(command)
  const { exitCode, stdout, stderr } = await execa(program, [...more, ...args], {
    cwd: directory,
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

describe('every command', () => {
  it.each(COMMANDS)('%s says its version and its options', async (command) => {
    expect(await run(command, ['-V'])).toEqual({ exitCode: 0, stdout: `${command} ${version}`, stderr: '' })
    const help = await run(command, ['--help'])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    expect(help.stdout).toMatch(new RegExp(`^usage: ${command} `))
  })

  it.each(COMMANDS)('%s ends with 2 and one line for a mistake', async (command) => {
    const { exitCode, stdout, stderr } = await run(command, ['--frobnicate'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(new RegExp(`^${command}: --frobnicate: .+$`))
    expect(stderr.split('\n')).toHaveLength(1)
  })
})

describe('re6stnet', () => {
  const least = 'registry http://r/\nca ca.crt\ncert cert.crt\nkey cert.key\n'

  it('reads option files; --test ends with a status', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'etc'))
    writeFileSync(join(directory, 'etc/re6stnet.conf'), `${least}@etc/more\n`)
    writeFileSync(join(directory, 'etc/more'), 'main-interface eth0\n')
    const test = (expression: string) =>
      run('re6stnet', ['@etc/re6stnet.conf', '--test', expression], directory)
    expect((await test("main_interface != 'eth0'")).exitCode).toBe(0)
    expect((await test("main_interface == 'eth0'")).exitCode).toBe(1)
    expect(await test('main_interface')).toEqual({ exitCode: 1, stdout: '', stderr: 'eth0' })
    expect((await test('main_interface = 1')).exitCode).toBe(2)
  })

  it.each([
    [
      ['@nowhere'],
      `re6stnet: @nowhere: no such file in ${process.cwd()}; re6st join enrols this machine and makes one`,
    ],
    [['@.'], 're6stnet: @.: it is a directory'],
  ])('%j: %s', async (args, line) => {
    expect(await run('re6stnet', args)).toEqual({ exitCode: 2, stdout: '', stderr: line })
  })
})

describe('re6st-registry', () => {
  it('ends with 1 and one line when a file is missing', async () => {
    const { exitCode, stderr } = await run(
      're6st-registry',
      ['--ca', 'none', '--key', 'none', '--logfile', 'registry.log'],
      temporaryDirectory(),
    )
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^re6st-registry: .*none: cannot be read.*$/)
  })

  it('ends with 1 and one line when its log cannot be written', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'file'), '')
    const { exitCode, stderr } = await run(
      're6st-registry',
      ['--ca', 'none', '--key', 'none', '--logfile', 'file/registry.log'],
      directory,
    )
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^re6st-registry: the log file file\/registry\.log cannot be written: .+$/)
  })
})

describe('re6st', () => {
  it('does not mind a reader that leaves', async () => {
    const [program, ...more] = programOf('re6st')
    const child = spawn(program, [...more, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
    })
    expect(await once(child, 'close')).toEqual([0, null])
    expect(said).toBe('')
  })
})
