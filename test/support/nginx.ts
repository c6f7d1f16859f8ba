import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { startProxy } from './proxy-process.ts'
import { temporaryDirectory } from './registry.ts'

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
  const nginx = await startProxy(
    'nginx',
    ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')],
    ports,
  )
  return { ports, [Symbol.asyncDispose]: () => nginx[Symbol.asyncDispose]() }
}
