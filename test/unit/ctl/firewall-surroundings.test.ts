import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readFirewallCommandLine } from '../../../src/core/options/firewall-options.ts'
import { registryHere } from '../../../src/ctl/firewall/registry-here.ts'
import { findSurroundings } from '../../../src/ctl/firewall/surroundings.ts'
import { readOptionFile } from '../../../src/platform/main.ts'
import { type Processes, systemProcesses } from '../../../src/platform/processes.ts'

const OPTIONS = ['--registry', 'http://192.0.2.1/', '--ca', 'no', '--cert', 'no', '--key', 'no']

/** Runs `ip` as on a machine with these routes. */
const printing = (routes: Readonly<Record<string, unknown>>): Processes => ({
  ...systemProcesses,
  run: async (_command, args) => ({ stdout: JSON.stringify(routes[args.join(' ')] ?? []), stderr: '' }),
})

const uplinksOf = async (routes: Readonly<Record<string, unknown>>) => {
  const read = readFirewallCommandLine(OPTIONS, readOptionFile)
  if (!read.ok || read.value.kind !== 'run') throw new Error('not a command line to run')
  return (await findSurroundings(read.value.options, printing(routes))).surroundings.uplinks
}

describe('the ways to the Internet', () => {
  it('are all of a default route with several', async () => {
    const nexthops = ['eth0', 'eth1'].map((dev) => ({ gateway: '192.168.1.1', dev, weight: 1, flags: [] }))
    expect(
      await uplinksOf({
        '-j -4 route show default': [{ dst: 'default', flags: [], nexthops }],
        '-j -6 route show default': [{ dst: 'default', gateway: 'fe80::1', dev: 'eth0' }],
      }),
    ).toEqual({ ipv4: ['eth0', 'eth1'], ipv6: ['eth0'] })
  })

  it('are those of a default route in two halves, or in another table', async () => {
    expect(await uplinksOf({ '-j -4 route get 24.0.113.7': [{ dst: '24.0.113.7', dev: 'wan0' }] })).toEqual({
      ipv4: ['wan0'],
      ipv6: [],
    })
  })
})

describe('the registry on this machine', () => {
  it('is one that was started by hand, with the options of its command line', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 're6st-test-'))
    const program = path.join(directory, 're6st-registry.js')
    writeFileSync(program, 'process.stdout.write("up"); setInterval(() => {}, 1000)')
    writeFileSync(path.join(directory, 'registry.conf'), 'ca ca.crt\nkey ca.key\nport 8642\n')
    const running = spawn(process.execPath, [program, '@registry.conf'], { cwd: directory })
    try {
      await once(running.stdout, 'data')
      expect(registryHere(undefined, new URL('http://192.0.2.1:8642/'))?.port).toBe(8642)
    } finally {
      running.kill()
      await once(running, 'exit')
      rmSync(directory, { recursive: true })
    }
  })

  it('is at least what the node asks at this machine itself', () => {
    expect(registryHere(undefined, new URL('http://localhost:8080/'))?.port).toBe(8080)
    expect(registryHere(undefined, new URL('http://[::1]:8081/'))?.port).toBe(8081)
  })
})
