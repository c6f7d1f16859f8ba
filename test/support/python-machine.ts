import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { programOf } from '../../lab/programs.ts'
import type { RunningProcess } from '../../src/platform/processes.ts'
import type { Namespace } from './namespace.ts'
import { temporaryDirectory } from './registry.ts'
import { vectors } from './vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const recorded = (path: string) => new URL(`../vectors/${path}`, import.meta.url)

/** Options of a recorded node that runs beside its registry. */
export const NODE_OPTIONS =
  'registry http://127.0.0.1/\nca ca.crt\ncert cert.crt\nkey cert.key\nip 192.0.2.1\npp 1194 tcp\n'

/** Bits of the recorded nodes. */
const RECORDED_PREFIXES = {
  'registry-node': '0000000000000000',
  'node-a': '0000000000000001',
} as const

/** Writes CA, certificate and key of a recorded node, and these options, as the Python implementation has them. */
export function writeRecordedNode(
  directory: string,
  name: keyof typeof RECORDED_PREFIXES,
  options: string,
): void {
  mkdirSync(directory, { recursive: true })
  using database = openReadOnly(recorded('registry-db/registry.db').pathname)
  const certificate = database.prepare('SELECT cert FROM cert WHERE prefix = ?').pluck()
  writeFileSync(join(directory, 'ca.crt'), pki.ca)
  writeFileSync(join(directory, 'cert.crt'), String(certificate.get(RECORDED_PREFIXES[name])))
  writeFileSync(join(directory, 'cert.key'), pki.keys[name] ?? '', { mode: 0o600 })
  writeFileSync(join(directory, 're6stnet.conf'), options)
}

/** Puts the state of the Python implementation into a machine: of a registry, and of its node. */
export function writeRecordedState(root: string): void {
  mkdirSync(join(root, 'var/lib/re6stnet'), { recursive: true })
  copyFileSync(recorded('cache-db/cache.db'), join(root, 'var/lib/re6stnet/cache.db'))
  copyFileSync(recorded('registry-db/registry.db'), join(root, 'var/lib/re6stnet/registry.db'))
  writeFileSync(join(root, 'etc/re6stnet/ca.key'), pki.keys['ca'] ?? '', { mode: 0o600 })
  writeFileSync(
    join(root, 'etc/re6stnet/re6st-registry.conf'),
    'ca ca.crt\nkey ca.key\nanonymous-prefix-length 16\nhello 2\nverbose 3\n',
  )
}

/**
 * Runs the recorded registry node in a namespace beside a machine whose registry has the address 192.0.2.1.
 * @param options those that make it different, a line each
 */
export function startRecordedNode({ processes }: Namespace, options: string): RunningProcess {
  const directory = temporaryDirectory()
  const places = ['log', 'run', 'state'].map((name) => `${name} ${join(directory, name)}\n`).join('')
  const base = 'registry http://192.0.2.1/\nca ca.crt\ncert cert.crt\nkey cert.key\n'
  writeRecordedNode(directory, 'registry-node', `${base}${options}${places}`)
  const [node, ...program] = programOf('re6stnet')
  return processes.start(node, [...program, '@re6stnet.conf'], { directory })
}

/** The tables of a database, and the types of the values in `config`: what the Python implementation looks at. */
export function tablesOf(path: string): { tables: readonly unknown[]; types: readonly unknown[] } {
  using database = openReadOnly(path)
  return {
    tables: database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").all(),
    types: database
      .prepare('SELECT name, typeof(value) AS type FROM config WHERE name IN (?, ?, ?, ?, ?) ORDER BY name')
      .all('version', 'hello', 'encrypt', 'registry_prefix', 'crl:json'),
  }
}

/**
 * Builds a package that is to dpkg what the Python implementation's was: its name, versions, conffiles, scripts. Its
 * daemon only sleeps.
 */
export function buildPythonPackage(): string {
  const directory = mkdtempSync(join(tmpdir(), 're6st-python-'))
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text, { mode })
  }
  const conffiles = {
    '/etc/init.d/re6stnet': initScript('re6stnet'),
    '/etc/init.d/re6st-registry': initScript('re6st-registry'),
    '/etc/logrotate.d/re6stnet': '/var/log/re6stnet/re6stnet.log {\n}\n',
    '/etc/re6stnet/README': 'in Python\n',
    '/etc/NetworkManager/dispatcher.d/50re6stnet': '#!/bin/sh\n# starts a second node\n',
    '/etc/network/if-up.d/re6stnet': '#!/bin/sh\n',
    '/etc/network/if-down.d/re6stnet': '#!/bin/sh\n',
  }
  for (const [path, text] of Object.entries(conffiles))
    write(path, text, text.startsWith('#!') ? 0o755 : 0o644)
  for (const name of ['sbin/re6stnet', 'bin/re6st-registry', 'bin/re6st-conf'])
    write(`usr/${name}`, '#!/bin/sh\nexec sleep infinity\n', 0o755)
  for (const name of ['re6stnet', 're6st-registry'])
    write(
      `usr/lib/systemd/system/${name}.service`,
      `[Unit]\nConditionPathExists=/etc/re6stnet/${name}.conf\n[Service]\nExecStart=${name} @${name}.conf\n` +
        'WorkingDirectory=/etc/re6stnet\n[Install]\nWantedBy=multi-user.target\n',
    )
  write(
    'DEBIAN/control',
    'Package: re6stnet\nVersion: 0.581+1.gf9dedb5\nArchitecture: all\nMaintainer: nobody <root@localhost>\n' +
      'Description: what the Python implementation is to dpkg\n',
  )
  write('DEBIAN/conffiles', `${Object.keys(conffiles).join('\n')}\n`)
  write(
    'DEBIAN/postinst',
    // As debhelper 9 made it: an upgrade stops before and starts after.
    '#!/bin/sh\nset -e\nsystemctl daemon-reload\nsystemctl enable -q re6stnet re6st-registry\n' +
      'systemctl start re6stnet re6st-registry\n',
    0o755,
  )
  write('DEBIAN/prerm', '#!/bin/sh\nset -e\nsystemctl stop re6stnet re6st-registry\n', 0o755)
  const deb = `${directory}.deb`
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', directory, deb], { stdio: 'ignore' })
  return deb
}

const initScript = (name: string) =>
  `#!/bin/sh
### BEGIN INIT INFO
# Provides: ${name}
# Required-Start: $network $local_fs
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: ${name}, in Python
### END INIT INFO
`

function openReadOnly(path: string): Database.Database & Disposable {
  const database = new Database(path, { readonly: true })
  return Object.assign(database, { [Symbol.dispose]: () => void database.close() })
}
