// Bundles a page for browsers: its script, the worker that arranges the map, its style, all from files of this project.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const workerSource = fileURLToPath(new URL('../src/registry/page/map/layout-worker.ts', import.meta.url))

/**
 * Returns the files, as `outputFiles`.
 * @param {string} entry the page's main file
 * @param {string} directory where the files will be, as page.js, page.css, layout-worker.js and parts loaded later
 * @param {{ sourcemap?: boolean }} [options]
 */
export function bundlePage(entry, directory, { sourcemap = false } = {}) {
  return build({
    entryPoints: { page: entry, 'layout-worker': workerSource },
    outdir: directory,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    define: { RE6STNET_VERSION: JSON.stringify(version) },
    metafile: true,
    write: false,
    sourcemap: sourcemap ? 'linked' : false,
    logLevel: 'silent',
  })
}
