// Bundles each command into one file of dist/, so that a node starts fast and loads only what it uses.
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
mkdirSync('dist', { recursive: true })
const commands = readdirSync('src/bin').filter((file) => file.endsWith('.ts'))
const result = await build({
  entryPoints: commands.map((file) => ({ in: `src/bin/${file}`, out: file.replace(/\.ts$/, '') })),
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minifySyntax: true,
  sourcemap: 'linked',
  metafile: true,
  external: ['better-sqlite3'],
  define: { RE6STNET_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
})
for (const file of Object.keys(result.metafile.outputs)) if (file.endsWith('.js')) chmodSync(file, 0o755)
