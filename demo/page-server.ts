import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundlePage } from '../scripts/page-bundle.mjs'
import type { Picture } from './model.ts'

const PAGE_DIRECTORY = fileURLToPath(new URL('./page/', import.meta.url))
const LOOPBACK = '127.0.0.1'
/** Everything comes from this server; nothing may be loaded from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; worker-src 'self'; base-uri 'none'; form-action 'none'"

/** The page, served on this machine only. */
export interface PageServer {
  readonly url: string
  /** Sends the picture to everyone who looks. */
  show(picture: Picture): void
  stop(): Promise<void>
}

/** Starts the page. @param port 0: any that is free @throws Error `EADDRINUSE` */
export async function startPage(port: number, first: Picture): Promise<PageServer> {
  let picture = JSON.stringify(first)
  const viewers = new Set<ServerResponse>()
  const files = await pageFiles()

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', `http://${LOOPBACK}`)
    const file = files.get(pathname)
    if (!isForThisMachine(request))
      answer(response, 403, 'text/plain', 'this page is for this machine only\n')
    else if (request.method !== 'GET') answer(response, 405, 'text/plain', 'only GET\n')
    else if (file !== undefined) answer(response, 200, file.type, file.content)
    else if (pathname === '/picture.json') answer(response, 200, 'application/json', picture)
    else if (pathname === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(eventOf(picture))
      viewers.add(response)
      response.on('close', () => viewers.delete(response))
    } else answer(response, 404, 'text/plain', 'not found\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, LOOPBACK, resolve)
  })
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    show(next) {
      const text = JSON.stringify(next)
      if (text === picture) return
      picture = text
      for (const viewer of viewers) viewer.write(eventOf(picture))
    },
    async stop() {
      for (const viewer of viewers) viewer.end()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const eventOf = (data: string): string => `data: ${data}\n\n`

/** A name that only points here is no proof (DNS rebinding): the browser must have asked for this very machine. */
function isForThisMachine({ headers: { host = '' } }: IncomingMessage): boolean {
  return /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host)
}

function answer(response: ServerResponse, status: number, type: string, content: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  response.end(content)
}

/** The files of the page by path; they are bundled now, in some 100 ms. */
async function pageFiles(): Promise<ReadonlyMap<string, { type: string; content: string }>> {
  const [html, { outputFiles = [] }] = await Promise.all([
    readFile(path.join(PAGE_DIRECTORY, 'index.html'), 'utf8'),
    bundlePage(path.join(PAGE_DIRECTORY, 'main.tsx'), PAGE_DIRECTORY),
  ])
  return new Map([
    ['/', { type: 'text/html', content: html }],
    ...outputFiles.map(({ path: file, text }) => {
      const name = path.basename(file)
      const type = name.endsWith('.css') ? 'text/css' : 'text/javascript'
      return [`/${name}`, { type, content: text }] as const
    }),
  ])
}
