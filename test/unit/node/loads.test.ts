import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** What a cheap router must not pay for: package or folder, and why. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  'node_modules/@peculiar/': 'certificates are made by the registry; a node only verifies them',
  'node_modules/reflect-metadata': 'comes with @peculiar/x509',
  'node_modules/nodemailer': 'the registry sends mails',
  'node_modules/maxmind': 'the registry knows countries',
  'node_modules/execa': 'processes are run by platform/processes.ts',
  'src/registry/': 'another program',
  'src/conf/': 'another program',
  'src/ctl/': 'another program',
  'lab/': 'for tests',
}

/** With what it loads now: some 635 and 781 kB, argparse and pino included; better-sqlite3 comes on top. */
const ROUTERS: readonly [router: string, maxBytes: number][] = [
  ['src/node/routing/babeld/router.ts', 645_000],
  ['src/node/routing/babel/router.ts', 790_000],
]

test.each(ROUTERS)('the node daemon loads only what a node with %s needs', async (router, maxBytes) => {
  const { metafile } = await build({
    entryPoints: ['src/bin/re6stnet.ts'],
    bundle: true,
    splitting: true,
    outdir: 'dist',
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    metafile: true,
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    external: ['better-sqlite3'],
    define: { RE6STNET_VERSION: '"test"' },
  })
  const loaded = new Set<string>()
  const load = (file: string): void => {
    const output = metafile.outputs[file]
    if (!output || loaded.has(file)) return
    loaded.add(file)
    for (const { path, kind } of output.imports) if (kind === 'import-statement') load(path)
  }
  const parts = ['src/bin/re6stnet.ts', 'src/node/main.ts', router, 'src/core/babel/mac/algorithms.ts']
  for (const [file, { entryPoint }] of Object.entries(metafile.outputs))
    if (parts.includes(entryPoint ?? '')) load(file)
  const outputs = [...loaded].map((file) => metafile.outputs[file])
  const inputs = outputs.flatMap((output) => Object.keys(output?.inputs ?? {}))
  expect(inputs).toContain(router)
  for (const [other] of ROUTERS) if (other !== router) expect(inputs).not.toContain(other)
  for (const [forbidden, why] of Object.entries(FORBIDDEN))
    expect(
      inputs.filter((input) => input.startsWith(forbidden)),
      why,
    ).toEqual([])
  expect(outputs.reduce((sum, output) => sum + (output?.bytes ?? 0), 0)).toBeLessThan(maxBytes)
})
