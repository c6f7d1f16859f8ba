// Bundles each command into few files of dist/, so that a node starts fast and loads only what it uses: what is imported
// with import() has a file of its own, named after the command.
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import { bundlePage } from './page-bundle.mjs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const commands = readdirSync('src/bin').filter((file) => file.endsWith('.ts'))
const pageFolder = 'dist/page'
const serviceFolder = 'dist/service'
const results = await Promise.all([
  ...commands.map((file) => bundle(path.basename(file, '.ts'))),
  bundlePage('src/registry/page/main.tsx', pageFolder, { write: false, sourcemap: true }),
])
const outputs = new Map(
  results
    .flatMap(({ outputFiles }) => outputFiles)
    .map((file) => [path.relative('.', file.path), file.contents]),
)
outputs.set(`${pageFolder}/index.html`, readFileSync('src/registry/page/index.html'))
for (const [name, contents] of servicesOf()) outputs.set(`${serviceFolder}/${name}`, Buffer.from(contents))
for (const folder of [pageFolder, serviceFolder]) mkdirSync(folder, { recursive: true })
// A command is there when the parts that it names are.
const commandFiles = new Set(commands.map((file) => `dist/${path.basename(file, '.ts')}.js`))
for (const isCommand of [false, true])
  for (const [file, contents] of outputs) if (commandFiles.has(file) === isCommand) write(file, contents)
// Of an earlier build.
for (const folder of ['dist', pageFolder, serviceFolder])
  for (const file of readdirSync(folder).map((name) => path.posix.join(folder, name)))
    if (/\.(?:js|css|html|service|openrc)(?:\.map)?(?:\.\d+)?$/.test(file) && !outputs.has(file)) rmSync(file)

/** Programs may run from these files, and load more of them: each is there all the time, whole, and stays when nothing has changed. */
function write(file, contents) {
  const isSame = isThere(file, contents)
  const whole = isSame ? file : `${file}.${process.pid}`
  if (isSame) utimesSync(file, new Date(), new Date())
  else writeFileSync(whole, contents)
  if (path.dirname(file) === 'dist' && file.endsWith('.js')) chmodSync(whole, 0o755)
  if (!isSame) renameSync(whole, file)
}

/** The services of the Debian package, for who installs by npm: it puts the commands elsewhere, and knows no /usr/share/doc. */
function servicesOf() {
  const units = ['re6stnet.service', 're6stnet.re6st-registry.service'].map((file) => [
    file.replace('re6stnet.re6st', 're6st'),
    readFileSync(`packaging/debian/${file}`, 'utf8')
      .replace(', see /usr/share/doc/re6stnet/README.Debian', '')
      .replace('exec /usr/bin/re6st-registry', 'exec re6st-registry')
      .replace('ExecStart=/usr/sbin/re6stnet', 'ExecStart=/usr/bin/env re6stnet'),
  ])
  return [...units, ['re6stnet.openrc', readFileSync('packaging/openrc/re6stnet', 'utf8')]]
}

function isThere(file, contents) {
  try {
    return readFileSync(file).equals(contents)
  } catch {
    return false
  }
}

function bundle(command) {
  return build({
    entryPoints: [`src/bin/${command}.ts`],
    outdir: 'dist',
    splitting: true,
    chunkNames: `${command}-[name]-[hash]`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minifySyntax: true,
    // V8 keeps the text for as long as the process runs: half a megabyte less. Names stay, and lines, for who reports an error.
    minifyWhitespace: true,
    lineLimit: 120,
    sourcemap: 'linked',
    write: false,
    external: ['better-sqlite3', 'pkcs11js'],
    define: { RE6STNET_VERSION: JSON.stringify(version) },
    // Bundled CommonJS packages call require() for Node's own modules.
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
}
