import { expect, test } from 'vitest'
import { parseDemoOptions } from '../../../demo/options.ts'

test('without options: eight nodes with our own router, at the usual hello interval, any port', () => {
  const usual = { nodes: 8, keep: false, json: false, port: undefined, hello: 15, router: 're6st' }
  expect(parseDemoOptions([])).toEqual(usual)
})

test('babeld says hello each second; with more nodes than two processors bear at that, more rarely, unless it is said', () => {
  const helloOf = (...args: string[]) => parseDemoOptions(['--router', 'babeld', ...args])?.hello
  expect(helloOf()).toBe(1)
  expect([24, 25, 40, 60].map((nodes) => helloOf('--nodes', String(nodes)))).toEqual([1, 2, 3, 7])
  expect(helloOf('--nodes', '40', '--hello', '1')).toBe(1)
})

test('options are read', () => {
  expect(parseDemoOptions(['--nodes', '12', '--keep', '--json', '--port', '0', '--hello=4'])).toEqual({
    nodes: 12,
    keep: true,
    json: true,
    port: 0,
    hello: 4,
    router: 're6st',
  })
  expect(parseDemoOptions(['--help'])).toBeUndefined()
})

test.each([['--nodes', '3'], ['--nodes', 'many'], ['--port', '70000'], ['--colour'], ['something']])(
  'a mistake is refused: %s %s',
  (...args) => {
    expect(() => parseDemoOptions(args)).toThrow(expect.objectContaining({ code: 'OPTION' }))
  },
)
