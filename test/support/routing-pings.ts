import { addressOf, type RoutingNode, until } from './routing-pair.ts'

/** Sends a packet each 50 ms while something happens, which may wait for more of them; how many were sent and how many lost. */
export async function pinging(
  from: Pick<RoutingNode, 'namespace'>,
  to: number,
  happens: (more: (packets: number) => Promise<void>) => Promise<void>,
): Promise<{ sent: number; lost: number }> {
  let output = ''
  let answered = 0
  const ping = from.namespace.processes.start('ping', ['-6', '-n', '-i', '0.05', addressOf(to)], {
    onLine: (line) => {
      output += `${line}\n`
      answered = Number(/icmp_seq=(\d+)/.exec(line)?.[1] ?? answered)
    },
  })
  let hasEnded = false
  void ping.ended.then(() => {
    hasEnded = true
  })
  const more = async (packets: number) => {
    const last = answered + packets
    await until(() => answered >= last || hasEnded, `an answer to packet ${last}`)
    if (hasEnded) throw new Error(`ping has ended: ${output}`)
  }
  await more(1)
  await happens(more)
  ping.signal('SIGINT')
  await ping.ended
  const [, received = ''] = /, (\d+) received/.exec(output) ?? []
  // What is on its way when it is interrupted is not lost: it goes on until something after all that happened is answered.
  return { sent: answered, lost: answered - Number(received) }
}
