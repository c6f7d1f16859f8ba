// `npm run deb`: builds the Debian package of this machine's architecture into dist-deb/, and has lintian check it.
// `--version VERSION` gives it another version than package.json's: a snapshot, or the next one in a test.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { copyrightOf } from './debian-copyright.mjs'
import { insistOn, PACKAGING_PACKAGES, setUp } from './setup.mjs'

const OUTPUT = 'dist-deb'
/** Versions of the Python implementation's packages begin with 0.5, or with 0-; without an epoch ours were older. */
const EPOCH = 1
/** The Node.js that comes with Debian. */
const DEBIAN_NODE = { debian: 'Debian 13', major: 20 }
/** Not bundled: npm packages that load a file of theirs, with what of them is needed to run. */
const WHOLE_PACKAGES = {
  'better-sqlite3': ['package.json', 'lib', 'build/Release/better_sqlite3.node'],
  pkcs11js: ['package.json', 'index.js', 'build/Release/pkcs11.node'],
  bindings: ['package.json', 'bindings.js'],
  'file-uri-to-path': ['package.json', 'index.js'],
}
/** Where other scripts put what is generated from the option tables, and where a Debian package has it. */
const COMPLETIONS = {
  bash: 'usr/share/bash-completion/completions',
  zsh: 'usr/share/zsh/vendor-completions',
  fish: 'usr/share/fish/vendor_completions.d',
}

const { extraObstacles } = setUp({ extras: PACKAGING_PACKAGES, network: false })
insistOn('The Debian package', extraObstacles)
const { scripts, version: ownVersion } = JSON.parse(readFileSync('package.json', 'utf8'))
const { values } = parseArgs({ options: { version: { type: 'string', default: ownVersion } } })
const version = `${EPOCH}:${values.version}-1`
if (scripts.man !== undefined) execFileSync('npm', ['run', '--silent', 'man'], { stdio: 'inherit' })

const workshop = path.resolve(OUTPUT, 'build')
const source = path.join(workshop, 're6stnet')
const debian = path.join(source, 'debian')
rmSync(workshop, { recursive: true, force: true })
cpSync('packaging/debian', debian, { recursive: true })
const program = path.join(source, 'program')
mkdirSync(program, { recursive: true })
fillProgram()
writeControl()
writeLists()

const built = spawnSync(
  'dpkg-buildpackage',
  ['--build=binary', '--unsigned-changes', '--no-check-builddeps'],
  {
    cwd: source,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, SOURCE_DATE_EPOCH: dateOfSource().epoch, DEB_BUILD_OPTIONS: 'noautodbgsym' },
  },
)
if (built.status !== 0) {
  console.error(built.stdout, built.stderr)
  throw new Error('dpkg-buildpackage failed')
}
const changes = readdirSync(workshop).find((file) => file.endsWith('.changes'))
const lintian = spawnSync(
  'lintian',
  // Root is no worse a user here than another.
  ['--allow-root', '--info', '--tag-display-limit=0', '--fail-on=error', path.join(workshop, changes)],
  { stdio: 'inherit' },
)
const name = readdirSync(workshop).find((file) => file.endsWith('.deb'))
renameSync(path.join(workshop, name), path.join(OUTPUT, name))
sayWhereItFits(path.join(OUTPUT, name))
console.log(path.join(OUTPUT, name))
process.exitCode = lintian.status

/** The bundles, the npm packages that are not in them, and the notice that these are ECMAScript modules. */
function fillProgram() {
  for (const file of readdirSync('dist').filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(path.join('dist', file), 'utf8')
      // The Node.js that the package depends on, whatever else is in the path.
      .replace(/^#!.*/, '#!/usr/bin/node')
      .replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n')
    writeFileSync(path.join(program, file), text, { mode: 0o755 })
  }
  cpSync('dist/page', path.join(program, 'page'), {
    recursive: true,
    filter: (file) => !file.endsWith('.map'),
  })
  writeFileSync(path.join(program, 'package.json'), '{ "private": true, "type": "module" }\n')
  for (const [name, parts] of Object.entries(WHOLE_PACKAGES))
    for (const part of parts)
      cpSync(path.join('node_modules', name, part), path.join(program, 'node_modules', name, part), {
        recursive: true,
        filter: (file) => !/\.(map|ts)$/.test(file),
      })
}

function writeControl() {
  const maintainer = maintainerOf()
  const control = path.join(debian, 'control')
  writeFileSync(control, readFileSync(control, 'utf8').replace('@MAINTAINER@', maintainer))
  writeFileSync(path.join(debian, 'copyright'), copyrightOf(Object.keys(WHOLE_PACKAGES)))
  writeFileSync(
    path.join(debian, 'changelog'),
    [
      `re6stnet (${version}) unstable; urgency=medium`,
      `  * Version ${values.version}: what is new is in changelog.gz, beside this file.`,
      ` -- ${maintainer}  ${dateOfSource().rfc2822}\n`,
    ].join('\n\n'),
  )
  cpSync('CHANGELOG.md', path.join(source, 'CHANGELOG.md'))
}

/** What is generated and is there, and the documents that the manual pages name: lists of files for debhelper. */
function writeLists() {
  cpSync('docs', path.join(source, 'docs'), {
    recursive: true,
    filter: (file) => !/^docs\/(manual|decisions)$|\.json$/.test(file),
  })
  cpSync('contrib', path.join(source, 'contrib'), {
    recursive: true,
    filter: (file) => !/\.test\.\w+$/.test(file),
  })
  writeFileSync(path.join(debian, 're6stnet.docs'), 'docs\ncontrib\n')
  const manDirectory = 'dist/man'
  if (existsSync(manDirectory)) {
    cpSync(manDirectory, path.join(source, 'man'), { recursive: true })
    const pages = readdirSync(manDirectory).filter((file) => /\.[18]$/.test(file))
    writeFileSync(path.join(debian, 're6stnet.manpages'), pages.map((page) => `man/${page}\n`).join(''))
  }
  const lines = Object.entries(COMPLETIONS).flatMap(([shell, target]) => {
    const directory = path.join('dist/completions', shell)
    if (!existsSync(directory)) return []
    cpSync(directory, path.join(source, 'completions', shell), { recursive: true })
    return `completions/${shell}/* ${target}\n`
  })
  if (lines.length > 0) writeFileSync(path.join(debian, 're6stnet.install'), lines.join(''))
}

/** The addon is built by and for the Node.js that runs here, with the C library that is here. */
function sayWhereItFits(deb) {
  const field = (name) => output('dpkg-deb', '--field', deb, name)
  const needs = field('Depends')
    .split(', ')
    .filter((dependency) => /^(libc6|nodejs) /.test(dependency))
  console.log(`for machines of architecture ${field('Architecture')} with ${needs.join(', ')}`)
  const major = Number(process.versions.node.split('.')[0])
  if (major !== DEBIAN_NODE.major)
    console.error(
      `not for ${DEBIAN_NODE.debian}: that has Node.js ${DEBIAN_NODE.major}, and this was built with ${major}. Build it with Node.js ${DEBIAN_NODE.major}, on that Debian or an older one.`,
    )
}

/** As Debian's own tools find it: DEBFULLNAME and DEBEMAIL; else who git says we are. */
function maintainerOf() {
  const ask = (what) => output('git', 'config', what)
  const name = process.env.DEBFULLNAME ?? ask('user.name') ?? 're6stnet authors'
  const email = process.env.DEBEMAIL ?? ask('user.email') ?? 'root@localhost'
  return `${name} <${email}>`
}

/** When the last change was committed: the same sources make the same package. */
function dateOfSource() {
  const epoch = output('git', 'log', '-1', '--format=%ct') ?? String(Math.floor(Date.now() / 1000))
  const rfc2822 = new Date(Number(epoch) * 1000).toUTCString().replace('GMT', '+0000')
  return { epoch, rfc2822 }
}

function output(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : undefined
}
