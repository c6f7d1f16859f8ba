import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { vectors } from '../../../support/vectors.ts'

const SUBJECT = fileURLToPath(new URL('../../../../src/core/crypto/subject.ts', import.meta.url))
const { ca } = vectors<{ ca: string }>('pki.json')

it('a process that has read a subject first can speak TLS afterwards', async () => {
  const program = `
    import { X509Certificate } from 'node:crypto'
    import { subjectAttributesOf } from ${JSON.stringify(SUBJECT)}
    subjectAttributesOf(new X509Certificate(process.env.PEM))
    const { createSecureContext } = await import('node:tls')
    console.log(typeof createSecureContext)`
  const { stdout } = await execa(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program],
    {
      env: { PEM: ca },
    },
  )
  expect(stdout).toBe('function')
})
