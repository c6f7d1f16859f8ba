import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { bundlePage } from '../../scripts/page-bundle.mjs'
import { startChromium } from '../../test/support/chromium.ts'
import { table } from '../table.ts'
import { syntheticNetwork } from './synthetic-network.ts'

/** The map of the registry's page with so many nodes, in Chromium without a GPU. */
export interface MapResult {
  readonly nodes: number
  readonly tunnels: number
  /** Until nodes are drawn, at their first places. */
  readonly shownMs: number
  /** Until all have their places. */
  readonly arrangedMs: number
  readonly panning: FrameTimes
  readonly zooming: FrameTimes
  /** The longest time between two frames after that: when all is drawn anew. */
  readonly restMs: number
}

/** Of a movement of some seconds. */
interface FrameTimes {
  readonly perSecond: number
  readonly p95Ms: number
  readonly longestMs: number
}

const SIZES = [100, 1_000, 5_000]
const MOVEMENT_MS = 4_000
const REST_MS = 1_500
const DOCUMENT = `<!doctype html><html lang="en"><head><title>map</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css"><script type="module" src="page.js"></script></head><body></body></html>`

/** Measures one size after another. */
export async function measureMap(): Promise<MapResult[]> {
  await using site = await serve()
  const { browser, stop } = await startChromium()
  try {
    const results: MapResult[] = []
    for (const nodes of SIZES) {
      const page = await browser.newPage()
      results.push(await measureSize(page, `${site.url}?nodes=${nodes}`, nodes))
      await page.close()
    }
    return results
  } finally {
    await stop()
  }
}

async function measureSize(page: Page, url: string, nodes: number): Promise<MapResult> {
  const inPage = <T>(expression: string) => page.evaluate(expression) as Promise<T>
  await page.goto(url)
  await inPage('localStorage.clear()')
  const begun = performance.now()
  await page.reload()
  // Polled from here: the page's policy forbids what the library would do in it.
  const until = async (expression: string) => {
    const deadline = performance.now() + 180_000
    while (!(await inPage<boolean>(expression))) {
      if (performance.now() > deadline) throw new Error(`in vain: ${expression}`)
      await setTimeout(20)
    }
  }
  await until(`(() => { const canvas = document.querySelector('.graph-frame canvas'); if (!canvas?.width) return false
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part > 0) })()`)
  const shownMs = performance.now() - begun
  await until('localStorage.length > 0')
  const arrangedMs = performance.now() - begun
  await inPage(`{ window.frames = []; let last = performance.now()
    const step = (now) => { frames.push(now - last); last = now; requestAnimationFrame(step) }
    requestAnimationFrame(step) }`)
  const framesOf = async (move: (step: number) => Promise<void>): Promise<FrameTimes> => {
    await inPage('void (frames.length = 0)')
    const end = performance.now() + MOVEMENT_MS
    for (let step = 0; performance.now() < end; step++) await move(step)
    const times = (await inPage<number[]>('frames')).sort((one, other) => one - other)
    const sum = times.reduce((total, time) => total + time, 0)
    return {
      perSecond: (1000 * times.length) / sum,
      p95Ms: times[Math.floor(times.length * 0.95)] ?? Number.NaN,
      longestMs: times.at(-1) ?? Number.NaN,
    }
  }
  await page.mouse.move(600, 400)
  await page.mouse.down()
  const panning = await framesOf((step) =>
    page.mouse.move(600 + 150 * Math.sin(step / 15), 400 + 100 * Math.cos(step / 15)),
  )
  await page.mouse.up()
  const zooming = await framesOf((step) => page.mouse.wheel(0, step % 40 < 20 ? -40 : 40))
  await inPage('void (frames.length = 0)')
  await setTimeout(REST_MS)
  const restMs = Math.max(...(await inPage<number[]>('frames')))
  const tunnels = syntheticNetwork(nodes).tunnels.length
  return { nodes, tunnels, shownMs, arrangedMs, panning, zooming, restMs }
}

/** The page, on loopback, with the policy that the registry has. */
async function serve(): Promise<AsyncDisposable & { readonly url: string }> {
  const { outputFiles = [] } = await bundlePage(fileURLToPath(new URL('page.tsx', import.meta.url)), '/')
  const files = new Map(outputFiles.map(({ path: file, text }) => [`/${path.basename(file)}`, text]))
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const type = pathname.endsWith('.css') ? 'css' : pathname.endsWith('.js') ? 'javascript' : 'html'
    response.writeHead(200, {
      'content-type': `text/${type}; charset=utf-8`,
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; img-src data:",
    })
    response.end(files.get(pathname) ?? DOCUMENT)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** For the report. */
export function mapReport(results: readonly MapResult[]): string {
  const frames = ({ perSecond, p95Ms, longestMs }: FrameTimes) =>
    `${perSecond.toFixed(0)} (${p95Ms.toFixed(0)}, ${longestMs.toFixed(0)} ms)`
  return `The map of the registry's page in headless Chromium without a GPU, 1280 by 900. Frames a second while it is moved and
magnified for ${MOVEMENT_MS / 1000} s each; in brackets the 95th percentile and the longest of the times between two. A canvas is drawn by the
processor: with WebGL, which a software renderer does there, it were 3 to 8 frames when magnified. Where drawing takes more than
8 ms, the picture that was drawn is moved, and is drawn anew when it rests for 120 ms. Places are found in a worker.

${table(
  ['nodes', 'tunnels', 'first drawn', 'arranged', 'panning', 'zooming', 'longest frame after it'],
  results.map(({ nodes, tunnels, shownMs, arrangedMs, panning, zooming, restMs }) => [
    String(nodes),
    String(tunnels),
    `${(shownMs / 1000).toFixed(2)} s`,
    `${(arrangedMs / 1000).toFixed(1)} s`,
    frames(panning),
    frames(zooming),
    `${restMs.toFixed(0)} ms`,
  ]),
)}`
}
