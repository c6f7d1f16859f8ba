import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { startProxy } from './proxy-process.ts'
import { temporaryDirectory } from './registry.ts'
import { selfSigned } from './self-signed.ts'

/** Web servers for which `contrib` has a sample. */
export const SAMPLES = {
  nginx: { file: 'nginx.conf', program: 'nginx', debianPackage: 'nginx' },
  Apache: { file: 'apache.conf', program: 'apache2', debianPackage: 'apache2-bin' },
  Caddy: { file: 'Caddyfile', program: 'caddy', debianPackage: 'caddy' },
} as const

/** A web server whose configuration is in a sample. */
export type SampleName = keyof typeof SAMPLES

/** What the sample calls the registry, and its page. */
export const SAMPLE_HOSTS = { registry: 're6st.example.com', page: 'page.example.com' } as const

/** Where the registry, and its page, listen. */
export interface Behind {
  readonly registry: number
  readonly page: number
}

/** Ports of loopback on which they are served. */
export interface Served {
  readonly http: number
  readonly https: number
}

const MODULES = ['mpm_event', 'authz_core', 'alias', 'proxy', 'proxy_http', 'socache_shmcb', 'ssl']

/** A web server that has the sample once for each registry: as it is, but for ports, and the files of the certificate. */
export async function startSample(
  name: SampleName,
  registries: readonly Behind[],
): Promise<AsyncDisposable & { readonly served: readonly Served[] }> {
  const directory = temporaryDirectory()
  const inDirectory = (file: string) => join(directory, file)
  const { cert, key } = await selfSigned(SAMPLE_HOSTS.registry)
  writeFileSync(inDirectory('re6st.pem'), cert)
  writeFileSync(inDirectory('re6st.key'), key)
  const sample = readFileSync(
    fileURLToPath(new URL(`../../contrib/${SAMPLES[name].file}`, import.meta.url)),
    'utf8',
  )
  const served: Served[] = []
  const sites: string[] = []
  for (const { registry, page } of registries) {
    const ports = { http: await freePort(), https: await freePort() }
    const changes = {
      '/etc/ssl/certs/re6st.pem': inDirectory('re6st.pem'),
      '/etc/ssl/private/re6st.key': inDirectory('re6st.key'),
      '127.0.0.1:8080': `127.0.0.1:${registry}`,
      '127.0.0.1:8081': `127.0.0.1:${page}`,
      // nginx has one zone of this name for all.
      're6st:10m': `re6st${ports.http}:10m`,
      'limit_conn re6st ': `limit_conn re6st${ports.http} `,
      'listen 80;': `listen 127.0.0.1:${ports.http};`,
      'listen 443 ssl;': `listen 127.0.0.1:${ports.https} ssl;`,
      '*:80>': `127.0.0.1:${ports.http}>`,
      '*:443>': `127.0.0.1:${ports.https}>`,
      'http://re6st.example.com, https://re6st.example.com {': `http://re6st.example.com:${ports.http}, https://re6st.example.com:${ports.https} {`,
      '\npage.example.com {': `\nhttps://page.example.com:${ports.https} {`,
    }
    served.push(ports)
    sites.push(Object.entries(changes).reduce((text, [from, to]) => text.replaceAll(from, to), sample))
  }
  const start = STARTED[name]
  const file = inDirectory('configuration')
  writeFileSync(file, start.around(directory, sites.join('\n'), served))
  const server = await startProxy(
    SAMPLES[name].program,
    start.args(directory, file),
    served.flatMap(({ http, https }) => [http, https]),
    // Where Caddy has its certificates.
    { XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory, HOME: directory },
  )
  return { served, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** How each is run in the foreground, away from the one of this machine. */
const STARTED: Readonly<
  Record<
    SampleName,
    {
      around(directory: string, sites: string, served: readonly Served[]): string
      args(directory: string, file: string): string[]
    }
  >
> = {
  nginx: {
    around: (directory, sites) => `daemon off;
      master_process off;
      pid ${join(directory, 'pid')};
      error_log stderr warn;
      events {}
      http {
        access_log off;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${join(directory, kind)};`).join(' ')}
        ${sites}
      }`,
    args: (directory, file) => ['-p', directory, '-e', 'stderr', '-c', file],
  },
  Apache: {
    around: (directory, sites, served) => `ServerRoot ${directory}
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${served.map(({ http, https }) => `Listen 127.0.0.1:${http}\nListen 127.0.0.1:${https}`).join('\n')}
ServerName localhost
PidFile ${join(directory, 'pid')}
DefaultRuntimeDir ${directory}
ErrorLog ${join(directory, 'error.log')}
User nobody
Group nogroup
<Directory />
  Require all granted
</Directory>
${sites}`,
    args: (_, file) => ['-DFOREGROUND', '-f', file],
  },
  Caddy: {
    around: (_, sites) =>
      `{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n${sites}`,
    args: (_, file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
}
