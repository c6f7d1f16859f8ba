import { expect, it } from 'vitest'
import { readLooseAnswer } from '../../../../src/core/port-mapping/loose-http.ts'
import { fc, test } from '../../../support/property.ts'

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'
const read = (text: string, isEnded = false) => readLooseAnswer(Buffer.from(text), isEnded)

it('an answer is whole when its length is reached, and not before', () => {
  expect(read(`${HEAD}123456789`)).toBeUndefined()
  expect(read(`${HEAD}123456789`, true)).toBe('cut off')
  expect(read(`${HEAD}1234567890abc`)).toMatchObject({ status: 200, body: Buffer.from('1234567890') })
})

it('without a length it is whole when the connection ends', () => {
  expect(read('HTTP/1.0 404 Not Found\r\n\r\nno')).toBeUndefined()
  expect(read('HTTP/1.0 404 Not Found\r\n\r\nno', true)).toMatchObject({
    status: 404,
    body: Buffer.from('no'),
  })
})

it('an interim answer is passed over', () => {
  expect(read(`HTTP/1.1 100 Continue\r\n\r\n${HEAD}1234567890`)).toMatchObject({ status: 200 })
})

it('what is no HTTP is said to be none', () => {
  for (const text of ['SSH-2.0-x\r\n', 'HTTP/1.1 OK\r\n\r\n']) expect(read(text)).toBe('no HTTP')
  expect(read('')).toBeUndefined()
  expect(read('', true)).toBe('no HTTP')
})

test(
  'any bytes are read without an exception',
  fc.uint8Array({ maxLength: 300 }),
  fc.boolean(),
  (bytes, isEnded) => {
    for (const head of ['', HEAD, 'HTTP/1.1 200\nTransfer-Encoding: chunked\n\n'])
      readLooseAnswer(Buffer.concat([Buffer.from(head), bytes]), isEnded)
  },
)
