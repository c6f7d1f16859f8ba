// Bundles each command into few files of dist/, so that a node starts fast and loads only what it uses: what is imported
// with import() has a file of its own, named after the command.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { bundlePage } from './page-bundle.mjs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
mkdirSync('dist', { recursive: true })
const commands = readdirSync('src/bin').filter((file) => file.endsWith('.ts'))
const pageFolder = 'dist/page'
rmSync(pageFolder, { recursive: true, force: true })
const results = await Promise.all(commands.map((file) => bundle(path.basename(file, '.ts'))))
const outputs = new Set(results.flatMap(({ metafile }) => Object.keys(metafile.outputs)))
for (const file of outputs) if (file.endsWith('.js')) chmodSync(file, 0o755)
await bundlePage('src/registry/page/main.tsx', pageFolder, { sourcemap: true })
copyFileSync('src/registry/page/index.html', `${pageFolder}/index.html`)
// Of an earlier build.
for (const file of readdirSync('dist').map((name) => path.posix.join('dist', name)))
  if (/\.js(\.map)?$/.test(file) && !outputs.has(file)) rmSync(file)

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
    sourcemap: 'linked',
    metafile: true,
    external: ['better-sqlite3', 'pkcs11js'],
    define: { RE6STNET_VERSION: JSON.stringify(version) },
    // Bundled CommonJS packages call require() for Node's own modules.
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
}
