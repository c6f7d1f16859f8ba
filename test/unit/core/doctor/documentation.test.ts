import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { FINDING_CODES } from '../../../../src/core/doctor/finding.ts'

it('docs/troubleshooting.md has a section for each finding, in their order, and no other', () => {
  const document = readFileSync(new URL('../../../../docs/troubleshooting.md', import.meta.url), 'utf8')
  const sections = [...document.matchAll(/^### ([a-z0-9-]+)\n\n(\S.*)/gm)].map(([, code]) => code)
  expect(sections).toEqual([...FINDING_CODES])
})
