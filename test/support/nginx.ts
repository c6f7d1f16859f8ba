import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { waitFor } from '../../lab/wait-for.ts'
import { freePort } from './free-port.ts'
import { temporaryDirectory } from './registry.ts'

const DEADLINE_MS = 60_000

/** An nginx in front of something, on a port of loopback for each of its servers. */
export interface Nginx extends AsyncDisposable {
  /** In the order of the servers. */
  readonly ports: readonly number[]
}

/**
 * Starts one with these servers.
 * @param servers what stands in the `server` block of each, but for `listen`
 */
export async function startNginx(servers: readonly string[]): Promise<Nginx> {
  const directory = temporaryDirectory()
  const ports = await Promise.all(servers.map(() => freePort()))
  const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(directory, kind)};`,
  )
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off;
     master_process off;
     pid ${join(directory, 'nginx.pid')};
     error_log stderr warn;
     events {}
     http {
       access_log off;
       ${temporaryPaths.join(' ')}
       ${servers.map((server, number) => `server { listen 127.0.0.1:${ports[number]}; ${server} }`).join('\n')}
     }`,
  )
  const nginx = spawn('nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  })
  let said = ''
  nginx.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const stop = async () => {
    if (nginx.exitCode === null && nginx.kill('SIGTERM')) await once(nginx, 'exit')
  }
  try {
    await waitFor(
      async () => {
        if (nginx.exitCode !== null) throw new Error(`nginx has ended: ${said}`)
        return (await Promise.all(ports.map(isListening))).every(Boolean)
      },
      { what: 'nginx', deadlineMs: DEADLINE_MS, intervalMs: 50 },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { ports, [Symbol.asyncDispose]: stop }
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
