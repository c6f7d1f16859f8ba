import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { joinNamespaces, makeNamespace, type Namespace } from '../test/support/namespace.ts'
import { RemoteRouter } from '../test/support/remote-router.ts'
import { addressOf, prefixOf, SIGNAL, settingsOf } from '../test/support/routing-pair.ts'

/** babeld as Python nodes start it, or our own router. */
export type RouterName = 'babeld' | 're6st'

/** One end of a link. The server's interface is there for all of its clients, the client's for this tunnel. */
export interface End {
  readonly number: number
  readonly router: RouterName
  readonly iface: 'taps' | 'tap'
  readonly namespace: Namespace
  readonly directory: string
}

/** The hello interval of both. */
export const HELLO_SECONDS = 15

/** Two machines with a router each, that run and do not see each other: the link between them is down. */
export async function withTwoRouters<Result>(
  server: RouterName,
  client: RouterName,
  action: (ends: readonly [End, End]) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 're6st-routers-'))
  using serverNamespace = makeNamespace('routers')
  using clientNamespace = makeNamespace('routers')
  const ends: readonly [End, End] = [
    { number: 1, router: server, iface: 'taps', namespace: serverNamespace, directory },
    { number: 2, router: client, iface: 'tap', namespace: clientNamespace, directory },
  ]
  joinNamespaces(serverNamespace, ends[0].iface, clientNamespace, ends[1].iface)
  for (const { namespace, number, iface } of ends) {
    namespace.ip(`link set ${iface} down`)
    namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    namespace.ip(`addr add ${addressOf(number)}/64 dev lo`)
    namespace.ip('-6 route add unreachable 2001:db8:42::/48')
  }
  const routers: (() => Promise<unknown>)[] = []
  try {
    for (const end of ends) routers.push(await startRouter(end))
    return await action(ends)
  } finally {
    await Promise.all(routers.map((stop) => stop()))
    rmSync(directory, { recursive: true })
  }
}

/** @returns what stops it */
async function startRouter({
  router,
  number,
  iface,
  namespace,
  directory,
}: End): Promise<() => Promise<unknown>> {
  if (router === 'babeld') {
    const babeld = namespace.processes.start('babeld', babeldArguments(number, [iface], directory), {
      dieWithParent: true,
    })
    return () => babeld.stop()
  }
  const ours = new RemoteRouter(namespace.processes)
  const isServer = iface === 'taps'
  const settings = settingsOf(number, { keys: { sign: undefined, accept: undefined } })
  if (isServer) await ours.addInterface(iface, 'server')
  await ours.start({ ...settings, helloIntervalMs: HELLO_SECONDS * 1000 }, SIGNAL)
  if (!isServer) await ours.addInterface(iface, 'tunnel')
  return () => ours.stop()
}

/** As the Python implementation starts it. */
export function babeldArguments(
  number: number,
  ifaces: readonly string[],
  directory: string,
): readonly string[] {
  const hello = String(HELLO_SECONDS)
  return [
    ...['-h', hello, '-H', hello, '-I', '', '-s', '-S', join(directory, `babeld-${number}.state`)],
    ...['-C', 'redistribute local deny', '-C', `redistribute ip ${prefixOf(number)} eq 64`],
    ...['-C', 'default type tunnel max-rtt-penalty 5000 rtt-max 500 rtt-decay 125'],
    ...['-C', 'redistribute deny', '-C', `install pref-src ${addressOf(number)}`, ...ifaces],
  ]
}
