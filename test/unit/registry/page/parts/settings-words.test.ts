import { expect, test } from 'vitest'
import { changeText, settingLabel } from '../../../../../src/registry/page/parts/settings-words.ts'

test.each([
  ['hello', '15', '5', 'Hello: 15 → 5 seconds'],
  ['encrypt', 'false', 'true', 'Encrypt tunnels: no → yes'],
  ['sameCountry', '[]', '["FR","DE"]', 'Same country: none → FR, DE'],
  ['ipv4', '{"range":"10.42.0.0/16","subnetBits":8}', 'null', 'IPv4: 10.42.0.0/16, 8 bits for a node → none'],
  ['of a later version', '"a"', 'not JSON', 'of a later version: a → not JSON'],
])('the change of %s is told for people', (setting, before, after, words) => {
  expect(`${settingLabel(setting)}: ${changeText(setting, before, after)}`).toBe(words)
})
