import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** A file of the page. */
export interface StaticFile {
  readonly content: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}

/** Vite puts a hash of the content into the names of what is below this: it never changes. */
const UNCHANGING = /^\/assets\/.*[-.][\w-]{8,}\.\w+$/

/**
 * The files of a page, all in memory, by the path under which they are asked for: no path leads out of the folder.
 * Empty without the folder.
 */
export async function readStaticFiles(folder: string): Promise<ReadonlyMap<string, StaticFile>> {
  const files = new Map<string, StaticFile>()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name)
    const type = TYPES[path.extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const content = await readFile(file)
    const name = `/${path.relative(folder, file).split(path.sep).join('/')}`
    files.set(name, {
      content,
      headers: {
        'Content-Type': type,
        'Cache-Control': UNCHANGING.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
        ETag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`,
      },
    })
  }
  return files
}

/** The file for a path. The page has views of its own: what looks like no file is the page. */
export const fileFor = (files: ReadonlyMap<string, StaticFile>, target: string): StaticFile | undefined => {
  const name = target.split(/[?#]/, 1)[0] ?? ''
  return (
    files.get(name) ??
    (/\.\w+$/.test(name) || name.startsWith('/api/') ? undefined : files.get('/index.html'))
  )
}
