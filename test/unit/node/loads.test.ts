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

/** With what it loads now: 803 kB, argparse and pino included; better-sqlite3 comes on top. */
const MAX_BUNDLE_BYTES = 830_000

test('the node daemon loads only what a node needs', async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: ['src/bin/re6stnet.ts'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    metafile: true,
    minifySyntax: true,
    external: ['better-sqlite3'],
    define: { RE6STNET_VERSION: '"test"' },
  })
  const inputs = Object.keys(metafile.inputs)
  for (const [forbidden, why] of Object.entries(FORBIDDEN))
    expect(
      inputs.filter((input) => input.startsWith(forbidden)),
      why,
    ).toEqual([])
  expect(outputFiles[0]?.contents.length).toBeLessThan(MAX_BUNDLE_BYTES)
})
