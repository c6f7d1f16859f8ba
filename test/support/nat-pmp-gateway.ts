/**
 * A program (for `node -e`) that answers at UDP port 5351 as a gateway does that speaks NAT-PMP only (RFC 6886), and
 * forwards nothing. It prints `ready`.
 *
 * @param address the external one that it tells of
 * @param delayMs how long it thinks about each answer
 */
export const natPmpGateway = (address: string, { delayMs = 0 } = {}): string => `
  const socket = require('node:dgram').createSocket('udp4')
  const head = (operation, result) => Buffer.from([0, 128 + operation, 0, result, 0, 0, 0, 9])
  const answerTo = (question) => {
    if (question[0] !== 0) return head(0, 1) // PCP: a version that it does not know
    if (question[1] === 0) return Buffer.concat([head(0, 0), Buffer.from([${address.split('.').join(', ')}])])
    return Buffer.concat([head(question[1], 0), question.subarray(4, 12)])
  }
  socket.on('message', (question, { port, address }) =>
    setTimeout(() => socket.send(answerTo(question), port, address), ${delayMs}))
  socket.bind(5351, () => console.log('ready'))`
