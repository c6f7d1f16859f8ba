import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { INSTALLING, STARTING } from '../../../src/core/installation.ts'

it('docs/installing.md says what the page says, in its order', () => {
  const text = readFileSync('docs/installing.md', 'utf8')
  const said = [...text.matchAll(/^### (.*)\n\n```sh\n([\s\S]*?)\n```$/gm)].map(([, name, lines]) => ({
    name,
    lines: lines?.split('\n'),
  }))
  expect(said).toEqual([...INSTALLING, ...STARTING])
})

it('what is copied for a service is in what npm installs', () => {
  const copied = STARTING.flatMap(({ lines }) => lines).flatMap(
    (line) => /dist\/service\/(\S+)/.exec(line)?.[1] ?? [],
  )
  expect(copied).toEqual(['*.service', 're6stnet.openrc'])
  const [node = '', registry = ''] = ['re6stnet', 're6st-registry'].map((name) =>
    readFileSync(`dist/service/${name}.service`, 'utf8'),
  )
  expect(node).toMatch(/^ExecStart=\/usr\/bin\/env re6stnet @re6stnet\.conf$/m)
  expect(registry).toMatch(/^ExecStart=.* exec re6st-registry @re6st-registry\.conf'$/m)
  for (const unit of [node, registry]) expect(unit).not.toMatch(/\/usr\/s?bin\/re6st|\/usr\/share\/doc/)
  expect(readFileSync('dist/service/re6stnet.openrc', 'utf8')).toMatch(/^#!\/sbin\/openrc-run$/m)
})
