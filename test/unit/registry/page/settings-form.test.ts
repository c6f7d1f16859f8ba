import { expect, test } from 'vitest'
import { changeOf } from '../../../../src/registry/page/settings-form.ts'

const SETTINGS = {
  hello: 15,
  clientCount: 10,
  maxClients: 20,
  tunnelRefresh: 300,
  encrypt: true,
  sameCountry: ['FR'],
  minProtocol: 1,
  ipv4: null,
}
const FORM = {
  hello: '15',
  clientCount: '10',
  maxClients: '20',
  tunnelRefresh: '300',
  encrypt: 'on',
  sameCountry: 'FR',
  minProtocol: '1',
  ipv4: '',
}
const changed = (fields: Readonly<Record<string, string>>) =>
  changeOf(SETTINGS, new Map(Object.entries({ ...FORM, ...fields })))

test('a form that says what is changes nothing', () => {
  expect(changed({})).toEqual({})
})

test('only what differs is changed', () => {
  expect(changed({ hello: '5' })).toEqual({ hello: 5 })
  expect(changed({ sameCountry: 'fr, de' })).toEqual({ sameCountry: ['FR', 'DE'] })
  expect(changed({ ipv4: '10.42.0.0/16, 8' })).toEqual({ ipv4: { range: '10.42.0.0/16', subnetBits: 8 } })
})

test('a box that is not ticked is not in the form: off', () => {
  const { encrypt: _, ...others } = FORM
  expect(changeOf(SETTINGS, new Map(Object.entries(others)))).toEqual({ encrypt: false })
})
