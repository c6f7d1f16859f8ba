import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../lab/programs.ts'
import { temporaryDirectory } from '../support/registry.ts'

/** Nobody is there; and what is found of that is none of these tests' business. */
const OPTIONS = ['--registry', 'http://127.0.0.1:1/', '--ca', 'none', '--cert', 'none', '--key', 'none']
const PROFILE = '[connection]\nid=cable\ntype=ethernet\ninterface-name=eth0\n\n[ipv6]\nmethod=disabled\n'

interface Found {
  readonly code: string
  readonly what: string
  readonly remedy: string
}

/** What the doctor finds on a machine that is made so by these commands, in a network and with mounts of its own. */
async function findings(commands: readonly string[], under: readonly string[] = []): Promise<Found[]> {
  const directory = temporaryDirectory()
  const own = ['log', 'run', 'state'].flatMap((name) => {
    mkdirSync(path.join(directory, name))
    return [`--${name}`, path.join(directory, name)]
  })
  const { stdout, stderr } = await execa(
    'unshare',
    [
      ...[
        '--net',
        '--mount',
        'sh',
        '-euc',
        ['ip link set lo up', ...commands, 'exec "$@"'].join('\n'),
        'sh',
        ...under,
      ],
      ...[...programOf('re6st'), 'doctor', '--json', ...OPTIONS, '--interface', 'eth0', ...own],
    ],
    { reject: false },
  )
  expect(stdout, stderr).not.toBe('')
  return (JSON.parse(stdout) as { findings: Found[] }).findings
}
const codesOf = (found: readonly Found[]) => found.map(({ code }) => code)

describe('the doctor in a container', () => {
  it('finds that root may not make tunnels', async () => {
    const dropped = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']
    expect(codesOf(await findings([], dropped))).toContain('no-net-admin')
    expect(codesOf(await findings([]))).not.toContain('no-net-admin')
  })

  it('finds that forwarding is off, and can be set by its host only', async () => {
    const readOnly = ['mount --bind /proc/sys /proc/sys', 'mount -o remount,bind,ro /proc/sys']
    const found = await findings(readOnly)
    expect(codesOf(found)).toContain('settings-read-only')
    expect(codesOf(found)).not.toContain('forwarding-off')
    const on = await findings(['echo 1 >/proc/sys/net/ipv6/conf/all/forwarding', ...readOnly])
    expect(codesOf(on)).not.toContain('settings-read-only')
  })

  it('finds that the kernel has no IPv6, and gives no setting that it does not have', async () => {
    const found = await findings(['mount -t tmpfs none /proc/sys/net/ipv6'])
    const { remedy = '' } = found.find(({ code }) => code === 'ipv6-disabled') ?? {}
    expect(remedy).toContain('ipv6.disable=1')
    expect(remedy).not.toContain('sysctl')
  })
})

describe('a profile of NetworkManager', () => {
  const inFile = async (directory: string, name: string, mode = '0600', owner = 0) =>
    codesOf(
      await findings([
        `mount -t tmpfs none /${directory.split('/')[1]}`,
        `mkdir -p ${directory}`,
        `printf '${PROFILE.replaceAll('\n', '\\n')}' >${directory}/${name}`,
        `chmod ${mode} ${directory}/${name}`,
        `chown ${owner} ${directory}/${name}`,
      ]),
    ).includes('network-manager')
  const [ETC, RUN] = ['/etc/NetworkManager/system-connections', '/run/NetworkManager/system-connections']

  it.each([
    [ETC, 'cable.nmconnection'],
    [ETC, 'cable'],
    [RUN, 'cable.nmconnection'],
  ])('in %s, as %s, is one that counts', async (directory, name) => {
    expect(await inFile(directory, name)).toBe(true)
  })

  it.each([
    [ETC, 'cable.nmconnection~', '0600', 0],
    [ETC, '.cable.nmconnection.swp', '0600', 0],
    [ETC, 'cable.nmconnection', '0644', 0],
    [ETC, 'cable.nmconnection', '0600', 65_534],
    [RUN, 'cable', '0600', 0],
  ])('in %s, as %s with %s of %i, is not loaded, and not blamed', async (directory, name, mode, owner) => {
    expect(await inFile(directory, name, mode, owner)).toBe(false)
  })
})
