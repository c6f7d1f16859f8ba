/**
 * A program (for `node -e`) that answers at UDP port 5351 as a gateway does that speaks NAT-PMP only (RFC 6886). It prints
 * `ready`.
 *
 * @param address the external one that it tells of
 * @param delayMs how long it thinks about each answer
 * @param forwards whether it does what it says, as a gateway of the lab; else it forwards nothing
 */
export const natPmpGateway = (address: string, { delayMs = 0, forwards = false } = {}): string => `
  const { execFileSync } = require('node:child_process')
  const socket = require('node:dgram').createSocket('udp4')
  const nft = (script) => execFileSync('nft', [script])
  const head = (operation, result) => Buffer.from([0, 128 + operation, 0, result, 0, 0, 0, 9])
  const rules = new Map()
  const forward = (protocol, question, to) => {
    const [inside, outside] = [question.readUInt16BE(4), question.readUInt16BE(6)]
    const name = [protocol, to, inside].join(' ')
    if (question.readUInt32BE(8) === 0) rules.delete(name)
    else rules.set(name, 'add rule inet forwarded nat iifname "eth0" ' + protocol + ' dport ' + outside + ' dnat ip to ' + to + ':' + inside)
    nft(['flush chain inet forwarded nat', ...rules.values()].join('\\n'))
  }
  const answerTo = (question, to) => {
    if (question[0] !== 0) return head(0, 1) // PCP: a version that it does not know
    if (question[1] === 0) return Buffer.concat([head(0, 0), Buffer.from([${address.split('.').join(', ')}])])
    if (${forwards}) forward(question[1] === 1 ? 'udp' : 'tcp', question, to)
    return Buffer.concat([head(question[1], 0), question.subarray(4, 12)])
  }
  if (${forwards})
    nft('add table inet forwarded\\nadd chain inet forwarded nat { type nat hook prerouting priority dstnat; }\\ninsert rule inet gateway inwards iifname "eth0" ct status dnat accept')
  socket.on('message', (question, { port, address }) =>
    setTimeout(() => socket.send(answerTo(question, address), port, address), ${delayMs}))
  socket.bind(5351, () => console.log('ready'))`
