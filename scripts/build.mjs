// Bundles each command into one file of dist/, so that a node starts fast and loads only what it uses.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
mkdirSync('dist', { recursive: true })
const commands = readdirSync('src/bin').filter((file) => file.endsWith('.ts'))
// The registry's worker is a thread of its own, hence a file of its own.
const workers = ['src/registry/crypto/worker.ts'].filter((file) => existsSync(file))
const result = await build({
  entryPoints: [
    ...commands.map((file) => ({ in: `src/bin/${file}`, out: file.replace(/\.ts$/, '') })),
    ...workers.map((file) => ({ in: file, out: 'crypto-worker' })),
  ],
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minifySyntax: true,
  sourcemap: 'linked',
  metafile: true,
  external: ['better-sqlite3', 'piscina'],
  define: { RE6STNET_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
})
for (const file of Object.keys(result.metafile.outputs)) if (file.endsWith('.js')) chmodSync(file, 0o755)
