import { describe, expect, test } from 'vitest'
import {
  certificateAge,
  certificateClass,
  colouringOf,
} from '../../../../../src/registry/page/map/colouring.ts'
import type { NetworkNode } from '../../../../../src/registry/page/map/network.ts'

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 10, 28)
const node = (facts: Partial<NetworkNode> = {}): NetworkNode => ({
  id: '1/8',
  name: 'one',
  state: 'online',
  registry: false,
  ...facts,
})

describe('colours of nodes', () => {
  test('the legend has what there is, with how many', () => {
    const { legend } = colouringOf('state', [node(), node(), node({ state: 'offline' })], NOW)
    expect(legend.map(({ label, count }) => [label, count])).toEqual([
      ['online', 2],
      ['offline', 1],
    ])
  })

  test('the most frequent versions have colours of their own, the others share one', () => {
    const nodes = Array.from({ length: 12 }, (_, version) =>
      Array.from({ length: 12 - version }, () => node({ version: `0.${version}` })),
    ).flat()
    const { legend, colourOf } = colouringOf('version', [...nodes, node()], NOW)
    expect(legend.map(({ label }) => label)).toEqual([
      ...['0.0', '0.1', '0.2', '0.3', '0.4', '0.5', '0.6'],
      'others',
      'unknown',
    ])
    expect(colourOf(node({ version: '0.9' }))).toBe(colourOf(node({ version: '0.10' })))
    expect(new Set(legend.map(({ colour }) => colour.light)).size).toBe(legend.length)
    expect(legend.reduce((sum, { count }) => sum + count, 0)).toBe(nodes.length + 1)
  })

  test.each([
    [-1, 'ended'],
    [0, 'less than 7 days left'],
    [7 * DAY_MS - 1, 'less than 7 days left'],
    [7 * DAY_MS, 'less than 30 days left'],
    [30 * DAY_MS, '30 days left or more'],
  ])('a certificate with %i ms left: %s', (leftMs, label) => {
    expect(certificateClass(node({ certificateEndMs: NOW + leftMs }), NOW)).toBe(label)
  })

  test.each([
    [-60_000, 'less than 7 days old'],
    [7 * DAY_MS - 1, 'less than 7 days old'],
    [7 * DAY_MS, 'less than 30 days old'],
    [89 * DAY_MS, 'less than 90 days old'],
    [334 * DAY_MS, 'less than 335 days old'],
    [335 * DAY_MS, '335 days old or more'],
    [3650 * DAY_MS, '335 days old or more'],
  ])('a certificate that began %i ms ago: %s', (age, label) => {
    expect(certificateAge(node({ certificateBeginMs: NOW - age }), NOW)).toBe(label)
    const { legend } = colouringOf('age', [node({ certificateBeginMs: NOW - age }), node()], NOW)
    expect(legend.map((entry) => entry.label)).toEqual([label, 'unknown'])
  })

  test('a certificate of which nothing is known is said to be so', () => {
    expect(certificateClass(node(), NOW)).toBe('unknown')
    expect(certificateAge(node(), NOW)).toBe('unknown')
  })
})
