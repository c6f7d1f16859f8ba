import { expect, it } from 'vitest'
import { isSameText, publishedOf, textOf } from '../../../src/registry/published-configuration.ts'
import { NOTHING_STORED } from '../../../src/registry/stored-configuration.ts'

const SETTINGS = {
  ...{ minProtocol: 1, helloSeconds: 15, encrypt: false, clientCount: 10, maxClients: 20 },
  ...{ tunnelRefreshSeconds: 300, sameCountry: [], ipv4: undefined },
}

it('the text is the same in whatever order it was stored, and however it was spaced', () => {
  const text = textOf(publishedOf(SETTINGS, NOTHING_STORED))
  const other = Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse())
  expect(isSameText(JSON.stringify(other, undefined, 1), text)).toBe(true)
  expect(isSameText(JSON.stringify({ ...other, hello: 4 }), text)).toBe(false)
})

it.each([undefined, 'nonsense', 'null', Buffer.from([1])])(
  'what is no such text is another one: %s',
  (stored) => {
    expect(isSameText(stored, textOf(publishedOf(SETTINGS, NOTHING_STORED)))).toBe(false)
  },
)

it('what a network does not have is left out', () => {
  expect(publishedOf(SETTINGS, NOTHING_STORED)).not.toHaveProperty('ipv4')
  const ipv4 = { range: '10.42.0.0/16', subnetBits: 8 }
  expect(publishedOf({ ...SETTINGS, ipv4, sameCountry: ['FR'] }, NOTHING_STORED)).toMatchObject({
    ...{ ipv4: '10.42.0.0/16', ipv4_sublen: 8, same_country: ['FR'] },
  })
})
