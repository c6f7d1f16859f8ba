import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { BABEL_PROTOCOL, RE6ST_PROTOCOL } from '../../src/core/kernel/route-table.ts'
import { DebianMachine } from '../support/debian-machine.ts'
import { buildPackage, PACKAGE_VERSION, withVersion } from '../support/debian-package.ts'
import { makeNamespace, type Namespace } from '../support/namespace.ts'
import {
  buildPythonPackage,
  NODE_OPTIONS,
  startRecordedNode,
  tablesOf,
  writeRecordedNode,
  writeRecordedState,
} from '../support/python-machine.ts'

/** The package in a Debian 13 with systemd: fresh, then taken over from the Python implementation and given back. */

const COMMANDS = ['re6stnet', 're6st-registry', 're6st-conf', 're6st']
const NEXT_VERSION = '1:999.0-1'
const UNITS = 're6stnet.service re6st-registry.service'
const SOON = { deadlineMs: 90_000 }
const ALL_OF_OURS = "find / -xdev -path '*re6st*' -not -path '/proc/*' -not -path '/sys/*' | sort"

const packages = { ours: '', next: '', python: '' }
let machine: DebianMachine
let neighbour: Namespace

const filesOfOurs = async () => (await machine.run(ALL_OF_OURS)).split('\n').filter((path) => path !== '')
const waitForAnother = (mainPid: string, what: string) =>
  waitFor(
    async () =>
      (await machine.isActive('re6stnet')) && (await machine.show('re6stnet', 'MainPID')) !== mainPid,
    {
      what,
      ...SOON,
    },
  )
const waitForStatus = (unit: string, status: RegExp) =>
  waitFor(async () => status.test(await machine.show(unit, 'StatusText')), {
    what: `${unit}: ${status}`,
    ...SOON,
  })

beforeAll(async () => {
  packages.ours = await buildPackage()
  packages.next = await withVersion(packages.ours, NEXT_VERSION)
  packages.python = buildPythonPackage()
  machine = await DebianMachine.make('systemd')
  await machine.fetch(packages.ours)
  await machine.boot()
  // The other end of its only cable is our namespace.
  neighbour = makeNamespace('re6st-package-')
  await machine.join(neighbour, '192.0.2.1/24', '192.0.2.2/24')
})
afterAll(async () => {
  neighbour?.[Symbol.dispose]()
  await machine?.[Symbol.asyncDispose]()
})

describe('a fresh machine', () => {
  it('has devices of its own: what its init does to them, nobody else notices', async () => {
    expect(await machine.run('stat -c %t:%T /dev/null /dev/console')).toBe('1:3\n1:3')
    for (const device of ['null', 'zero', 'full', 'random', 'urandom', 'tty'])
      expect([device, (statSync(`/dev/${device}`).mode & 0o777).toString(8)]).toEqual([device, '666'])
  })

  it('gets the package without a network, and nothing runs or fails before it is configured', async () => {
    await machine.install(packages.ours)
    for (const unit of ['re6stnet', 're6st-registry']) {
      expect(await machine.show(unit, 'ActiveState')).toBe('inactive')
      expect(await machine.show(unit, 'ConditionResult')).toBe('no')
      expect(await machine.run(`systemctl is-enabled ${unit}`)).toBe('enabled')
    }
    expect(await machine.try('dpkg --verify re6stnet')).toMatchObject({ exitCode: 0, stdout: '' })
  })

  it('has four commands', async () => {
    for (const command of COMMANDS) {
      expect(await machine.run(`${command} --version`)).toBe(`${command} ${PACKAGE_VERSION}`)
      expect(await machine.run(`${command} --help`)).toMatch(new RegExp(`^usage: ${command} `))
    }
    expect(await machine.try('re6st status')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^re6st: .*\n?$/),
    })
  })

  it('has pages and completion of each command, needs little, and has nothing of the lab', async () => {
    const files = (await machine.run('dpkg -L re6stnet')).split('\n')
    const pages = ['man8/re6stnet.8', 'man8/re6st-registry.8', 'man1/re6st-conf.1', 'man1/re6st.1']
    expect(files).toEqual(
      expect.arrayContaining([
        ...pages.map((page) => `/usr/share/man/${page}.gz`),
        ...COMMANDS.flatMap((command) => [
          `/usr/share/bash-completion/completions/${command}`,
          `/usr/share/fish/vendor_completions.d/${command}.fish`,
          `/usr/share/zsh/vendor-completions/_${command}`,
        ]),
        ...['re6stnet', 're6st-registry'].map((service) => `/etc/init.d/${service}`),
      ]),
    )
    const ofPrograms = files.filter((path) => !path.startsWith('/usr/share/doc/re6stnet/docs/'))
    expect(ofPrograms.filter((path) => /lab|demo|bench|test|\.map$|\.ts$/.test(path))).toEqual([])
    const depends = await machine.run('dpkg --status re6stnet | sed -n "s/^Depends: //p"')
    expect(new Set(depends.split(/ *[,|] */).map((each) => each.split(' ')[0]))).toEqual(
      new Set([...['iproute2', 'libc6', 'libstdc++6', 'lsb-base', 'nodejs', 'openvpn', 'sysvinit-utils']]),
    )
  })

  it('has units without a mistake, that are well confined', async () => {
    expect(await machine.try(`systemd-analyze verify --man=no ${UNITS}`)).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    })
    // Tenths: the node is as exposed as its children need, the registry hardly.
    await machine.run('systemd-analyze security --threshold=40 re6stnet.service')
    await machine.run('systemd-analyze security --threshold=25 re6st-registry.service')
  })

  it('is as it was after a purge', async () => {
    await machine.run('apt-get purge -y re6stnet')
    expect(await filesOfOurs()).toEqual([])
  })
})

describe('a machine of the Python implementation', () => {
  let before: { files: string; cache: unknown; registry: ReturnType<typeof tablesOf> }

  /** What is the administrator's. */
  const configuration = () => machine.run('cd /etc/re6stnet && sha256sum *.conf ca.* cert.*')

  beforeAll(async () => {
    writeRecordedNode(machine.file('etc/re6stnet'), 'node-a', NODE_OPTIONS)
    writeRecordedState(machine.root)
    await machine.run('mkdir -p /var/log/re6stnet')
    await machine.install(packages.python)
    before = {
      files: await configuration(),
      cache: tablesOf(machine.file('var/lib/re6stnet/cache.db')),
      registry: tablesOf(machine.file('var/lib/re6stnet/registry.db')),
    }
  })

  it('becomes ours by installing the package: the same node, registry and files', async () => {
    await machine.install(packages.ours)
    expect(await machine.isActive('re6st-registry')).toBe(true)
    expect(await machine.isActive('re6stnet')).toBe(true)
    expect(await configuration()).toBe(before.files)
    expect(await machine.run('re6st status')).toMatch(/2001:db8:42:1::1\b/)
    expect(existsSync(machine.file('var/lib/re6stnet/registry.db.before-takeover'))).toBe(true)
    for (const path of ['NetworkManager/dispatcher.d/50re6stnet', 'network/if-up.d/re6stnet'])
      expect(existsSync(machine.file(`etc/${path}`)), path).toBe(false)
    expect(readFileSync(machine.file('etc/init.d/re6stnet'), 'utf8')).not.toContain('Python')
  })

  it('enrols a machine at its registry', async () => {
    await machine.run('re6st-conf --registry http://127.0.0.1/ --anonymous --dir /root/enrolled')
    expect(readdirSync(machine.file('root/enrolled')).sort()).toEqual([
      'ca.crt',
      'cert.crt',
      'cert.key',
      're6stnet.conf',
    ])
  })

  it('tells systemd that it is ready, and what it does', async () => {
    await waitForStatus('re6stnet', /^2001:db8:42:1::1: \d+ tunnels?,/)
    expect(await machine.show('re6st-registry', 'StatusText')).toMatch(/^serving .*:80$/)
    // OpenVPN knows how to speak to systemd, too: it has not.
    const mainPid = await machine.show('re6stnet', 'MainPID')
    expect(await machine.run(`tr '\\0' ' ' </proc/${mainPid}/cmdline`)).toContain(
      '/usr/sbin/re6stnet @re6stnet.conf',
    )
  })

  it('carries packets with the few privileges that it has', async () => {
    const running = startRecordedNode(neighbour, 'client 192.0.2.1,1194,tcp\n')
    try {
      await waitFor(() => neighbour.processes.run('ping', ['-c', '1', '-W', '1', '2001:db8:42:1::1']), {
        what: 'a ping from the neighbour',
        deadlineMs: 120_000,
      })
      await waitForStatus('re6stnet', / 1 tunnel,/)
    } finally {
      await running.stop(20_000)
    }
  })

  it('starts anew by a reload, in the same process', async () => {
    const mainPid = await machine.show('re6stnet', 'MainPID')
    const log = machine.file('var/log/re6stnet/re6stnet.log')
    const runs = () => readFileSync(log, 'utf8').split('the node runs').length
    const [runsBefore] = [runs()]
    await machine.run('systemctl reload re6stnet')
    await waitFor(() => runs() > runsBefore, { what: 'the node to run again', ...SOON })
    expect(await machine.show('re6stnet', 'MainPID')).toBe(mainPid)
    await waitForStatus('re6stnet', /^2001:db8:42:1::1/)
  })

  it('comes back after it was killed, and after it hung', async () => {
    const mainPid = await machine.show('re6stnet', 'MainPID')
    await machine.run('systemctl kill --kill-whom=main --signal=KILL re6stnet')
    await waitForAnother(mainPid, 'the node after a kill')
    await machine.run(
      'mkdir /run/systemd/system/re6stnet.service.d && cd /run/systemd/system/re6stnet.service.d && ' +
        'printf "[Service]\\nWatchdogSec=15s\\n" >test.conf && systemctl daemon-reload && systemctl restart re6stnet',
    )
    // Signs of life arrive: it outlives its watchdog.
    const restarted = await machine.show('re6stnet', 'MainPID')
    const lastSignUs = async () => Number(await machine.show('re6stnet', 'WatchdogTimestampMonotonic'))
    const firstUs = await lastSignUs()
    await waitFor(async () => (await lastSignUs()) > firstUs + 16e6, { what: 'signs of life', ...SOON })
    expect(await machine.show('re6stnet', 'MainPID')).toBe(restarted)
    await machine.run('systemctl kill --kill-whom=main --signal=STOP re6stnet')
    await waitForAnother(restarted, 'the node after the watchdog')
    // What started has no past: the next failure is followed by a short pause again.
    await waitFor(async () => (await machine.show('re6stnet', 'NRestarts')) === '0', {
      what: 'the counter',
      ...SOON,
    })
    await machine.run('rm -r /run/systemd/system/re6stnet.service.d && systemctl daemon-reload')
  })

  it('is tried again and again, with longer pauses, while it cannot start', async () => {
    await machine.run('systemctl stop re6stnet && cd /etc/re6stnet && mv cert.key cert.away')
    expect(await machine.try('systemctl start re6stnet')).toMatchObject({ exitCode: 1 })
    await waitFor(async () => Number(await machine.show('re6stnet', 'NRestarts')) >= 2, {
      what: 'two more tries',
      ...SOON,
    })
    expect(await machine.show('re6stnet', 'RestartUSecNext')).toMatch(/^(\d\d|\dmin)/)
    expect(await machine.run('journalctl -u re6stnet -o cat')).toMatch(/^re6stnet: .*cert\.key/m)
    await machine.run('cd /etc/re6stnet && mv cert.away cert.key && systemctl restart re6stnet')
  })

  it('holds up nothing when its registry is away and it has no cache', async () => {
    await machine.run('systemctl stop re6stnet re6st-registry && mv /var/lib/re6stnet/cache.db /var/tmp')
    await machine.run('systemctl start re6stnet')
    expect(await machine.show('re6stnet', 'StatusText')).toMatch(/^still starting/)
    await machine.run('systemctl start re6st-registry')
    await waitForStatus('re6stnet', /^2001:db8:42:1::1/)
  })

  it('goes on in new log files when logrotate has moved the old ones', async () => {
    const mainPid = await machine.show('re6stnet', 'MainPID')
    await machine.run('logrotate --force /etc/logrotate.d/re6stnet')
    for (const log of ['re6stnet.log', 'registry.log'])
      expect(existsSync(machine.file(`var/log/re6stnet/${log}.1`)), log).toBe(true)
    await machine.run('re6st-conf --registry http://127.0.0.1/ --anonymous --dir /root/again')
    await machine.run('systemctl reload re6stnet')
    for (const log of ['re6stnet.log', 'registry.log'])
      await waitFor(() => readFileSync(machine.file(`var/log/re6stnet/${log}`), 'utf8') !== '', {
        what: `a line in the new ${log}`,
        ...SOON,
      })
    expect(await machine.show('re6stnet', 'MainPID')).toBe(mainPid)
  })

  it('follows an upgrade', async () => {
    const mainPid = await machine.show('re6stnet', 'MainPID')
    await machine.install(packages.next)
    expect(await machine.isActive('re6stnet')).toBe(true)
    expect(await machine.show('re6stnet', 'MainPID')).not.toBe(mainPid)
    expect(await machine.run('dpkg --status re6stnet')).toContain(`Version: ${NEXT_VERSION}\n`)
    expect(await configuration()).toBe(before.files)
  })

  it('can go back to the implementation in Python', async () => {
    await machine.install(packages.python, '--allow-downgrades', '-o', 'Dpkg::Options::=--force-confnew')
    expect(await machine.isActive('re6stnet')).toBe(true)
    expect(await machine.show('re6stnet', 'FragmentPath')).not.toBe('')
    expect(await machine.run('cat /etc/init.d/re6stnet')).toContain('in Python')
    expect(
      (await machine.programs()).filter((program) => /openvpn|node|babeld .*re6st/.test(program)),
    ).toEqual([])
    for (const protocol of [RE6ST_PROTOCOL, BABEL_PROTOCOL])
      expect(await machine.run(`ip -6 route show table all proto ${protocol}`)).toBe('')
    expect(await configuration()).toBe(before.files)
    expect(tablesOf(machine.file('var/lib/re6stnet/cache.db'))).toEqual(before.cache)
    // Tables of ours stand beside those: the Python implementation asks for its own by name.
    expect(tablesOf(machine.file('var/lib/re6stnet/registry.db'))).toEqual({
      ...before.registry,
      tables: expect.arrayContaining([...before.registry.tables]),
    })
  })

  it('is left clean by a removal, and cleaner by a purge', async () => {
    await machine.install(packages.ours)
    expect(await machine.isActive('re6stnet')).toBe(true)
    await machine.run('apt-get remove -y re6stnet')
    expect((await machine.programs()).filter((program) => /re6st/.test(program))).toEqual([])
    expect(await machine.run('ip -6 addr show dev lo scope global')).toBe('')
    expect(await configuration()).toBe(before.files)
    expect(existsSync(machine.file('var/lib/re6stnet/cache.db'))).toBe(true)
    await machine.run('rm -r /root/enrolled /root/again && apt-get purge -y re6stnet')
    expect(await filesOfOurs()).toEqual([
      '/etc/re6stnet',
      ...['ca.crt', 'ca.key', 'cert.crt', 'cert.key', 're6st-registry.conf', 're6stnet.conf'].map(
        (name) => `/etc/re6stnet/${name}`,
      ),
      '/var/lib/re6stnet',
      ...['registry.db', 'registry.db.before-takeover'].map((name) => `/var/lib/re6stnet/${name}`),
    ])
  })
})
