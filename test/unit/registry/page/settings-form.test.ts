import { expect, test } from 'vitest'
import {
  changeOf,
  decided,
  followed,
  newForm,
  newsOf,
  type SettingsForm,
  type SettingsTexts,
  undecidedOf,
} from '../../../../src/registry/page/settings-form.ts'

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
const written = (texts: Partial<SettingsTexts>, form = newForm(SETTINGS)): SettingsForm => ({
  ...form,
  texts: { ...form.texts, ...texts },
})
const changed = (texts: Partial<SettingsTexts>) => changeOf(written(texts))

test('a form that says what is changes nothing', () => {
  expect(changed({})).toEqual({})
})

test('only what differs is changed', () => {
  expect(changed({ hello: '5' })).toEqual({ hello: 5 })
  expect(changed({ sameCountry: 'fr, de' })).toEqual({ sameCountry: ['FR', 'DE'] })
  expect(changed({ ipv4: ' 10.42.0.0/16, 8' })).toEqual({ ipv4: { range: '10.42.0.0/16', subnetBits: 8 } })
  expect(changed({ encrypt: '' })).toEqual({ encrypt: false })
})

test('what is changed elsewhere comes into fields where nothing was written, and what was written stays', () => {
  const form = followed(written({ hello: '7' }), { ...SETTINGS, clientCount: 9 })
  expect(form.texts).toMatchObject({ hello: '7', clientCount: '9' })
  expect(form.elsewhere).toEqual([{ setting: 'clientCount', before: '10', isUndecided: false }])
  expect(changeOf(form)).toEqual({ hello: 7 })
  // It is still told of when something else is changed, too.
  const later = followed(form, { ...SETTINGS, clientCount: 9, encrypt: false })
  expect(later.elsewhere.map(({ setting }) => setting)).toEqual(['clientCount', 'encrypt'])
  expect(changeOf(later)).toEqual({ hello: 7 })
})

test('of what is changed on both sides it is to be decided what counts', () => {
  const form = followed(written({ hello: '7', encrypt: '' }), { ...SETTINGS, hello: 5 })
  expect(form.elsewhere).toEqual([{ setting: 'hello', before: '15', isUndecided: true }])
  expect(form.texts.hello).toBe('7')
  const [kept, taken] = [decided(form, 'hello', true), decided(form, 'hello', false)]
  expect([changeOf(kept), changeOf(taken)]).toEqual([{ hello: 7, encrypt: false }, { encrypt: false }])
  for (const one of [kept, taken])
    expect(one.elsewhere).toEqual([{ setting: 'hello', before: '15', isUndecided: false }])
  // Changed once more, it is to be decided once more.
  expect(followed(kept, { ...SETTINGS, hello: 6 }).elsewhere).toEqual([
    { setting: 'hello', before: '15', isUndecided: true },
  ])
})

test('who writes what is there now has decided', () => {
  const form = followed(written({ hello: '7' }), { ...SETTINGS, hello: 5 })
  expect(undecidedOf(form)).toEqual(['hello'])
  expect(undecidedOf(written({ hello: '5' }, form))).toEqual([])
  expect(undecidedOf(written({ hello: '6' }, form))).toEqual(['hello'])
})

test('what is changed elsewhere once more is told of once more, and nothing else', () => {
  const begun = newForm(SETTINGS)
  const once = followed(begun, { ...SETTINGS, hello: 5, encrypt: false })
  expect(newsOf(begun, once)).toEqual(['hello', 'encrypt'])
  expect(newsOf(once, followed(once, { ...SETTINGS, hello: 6, encrypt: false }))).toEqual(['hello'])
})

test('what was changed here, or elsewhere to the same, is no surprise', () => {
  const form = followed(written({ hello: '7' }), { ...SETTINGS, hello: 7 })
  expect([form.elsewhere, changeOf(form)]).toEqual([[], {}])
})
