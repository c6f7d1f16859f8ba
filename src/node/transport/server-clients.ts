import { isDatagram } from '../../core/openvpn/arguments.ts'
import { externalAddressOption, type RemoteEnd, remoteEndOf } from '../../core/openvpn/environment.ts'
import { failureReason, isAboutPeer, isEndOfConnection } from '../../core/openvpn/failure.ts'
import { managementCommand } from '../../core/openvpn/management-command.ts'
import type { Environment } from '../../core/openvpn/management-reader.ts'
import { subnetNameOf } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import type { Admission, ServerSpec, Traffic, UnderlayAddress } from './transport.ts'

interface ServerClientsInit {
  readonly spec: ServerSpec
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when nobody is let in any more. */
  readonly signal: AbortSignal
}

interface ServedClient extends RemoteEnd {
  /** Its number for our users: OpenVPN begins to count anew when it is restarted. */
  readonly number: number
  /** It was reported as up. */
  up: boolean
  /** Why we end it, if we do. */
  dropReason?: string
}

/** The clients of a server: who is let in, who is there, and who is gone. Some give commands for its OpenVPN, which are to be told. */
export class ServerClients {
  readonly traffic = new Map<number, Traffic>()
  readonly #init: ServerClientsInit
  readonly #logLimit: LogLimit
  /** By the number that OpenVPN gave them. */
  readonly #clients = new Map<number, ServedClient>()
  #nextNumber = 1

  constructor(init: ServerClientsInit) {
    this.#init = init
    this.#logLimit = new LogLimit(init.clock)
  }

  /** The numbers that OpenVPN gave them. */
  get ids(): readonly number[] {
    return [...this.#clients.keys()]
  }

  /** One asks to be let in. @returns the commands that are the answer */
  connect(cid: number, kid: number, environment: Environment): readonly string[] {
    const { spec } = this.#init
    const end = remoteEndOf(environment)
    if (!end.ok) return [this.#denial(cid, kid, end.reason)]
    const admission = this.#admit(end.value)
    if (!admission.admit) return [this.#denial(cid, kid, admission.reason, end.value)]
    this.#clients.set(cid, { number: this.#nextNumber++, up: false, ...end.value })
    const pushed = [
      externalAddressOption(end.value.underlay.address),
      // So that clients that do not do it by themselves say goodbye, too.
      ...(isDatagram(spec.protocol) ? ['explicit-exit-notify 1'] : []),
    ]
    // A client that is too old to be woken comes up a second later.
    return [managementCommand.admitClient(cid, kid, pushed), managementCommand.wakeClient(cid, kid)]
  }

  /** Keys are renegotiated. OpenVPN sees to it that the certificate is the same one. @returns the command that is the answer */
  renegotiate(cid: number, kid: number): string {
    const client = this.#clients.get(cid)
    if (!client) return this.#denial(cid, kid, 'unknown client')
    const admission = this.#admit(client)
    if (admission.admit) return managementCommand.readmitClient(cid, kid)
    client.dropReason ??= admission.reason
    return this.#denial(cid, kid, admission.reason, client)
  }

  /** The tunnel of one is up. */
  established(cid: number): void {
    const client = this.#clients.get(cid)
    if (!client || client.up) return
    client.up = true
    const { number, peer, underlay } = client
    this.traffic.set(number, { receivedBytes: 0, sentBytes: 0 })
    this.#init.spec.onEvent({ kind: 'client-up', client: number, peer, underlay })
  }

  /** So much has come from one, and gone there. */
  counted(cid: number, traffic: Traffic): void {
    const client = this.#clients.get(cid)
    if (client?.up) this.traffic.set(client.number, traffic)
  }

  /** OpenVPN follows a client over UDP whose address changes, behind a NAT say, without a word to either side. */
  isAt(cid: number, underlay: UnderlayAddress): void {
    const client = this.#clients.get(cid)
    if (!client || (client.underlay.address === underlay.address && client.underlay.port === underlay.port))
      return
    const moved = { ...client, underlay }
    this.#clients.set(cid, moved)
    if (client.up)
      this.#init.spec.onEvent({ kind: 'client-moved', client: client.number, peer: client.peer, underlay })
  }

  /** The end of one has come. @param reasonAbout what lines of the log say that begin so */
  disconnected(cid: number, reasonAbout: (name: string) => string | undefined): void {
    const client = this.#clients.get(cid)
    if (!client) return
    this.#forget(cid, client, reasonAbout(logNameOf(client)) ?? ENDED)
  }

  /** Over UDP, OpenVPN keeps a client that has said goodbye for five seconds, should that not have been its last word. */
  heardInLog(text: string): void {
    if (!isEndOfConnection(text)) return
    const found = [...this.#clients].filter(([, client]) =>
      isAboutPeer(text, logNameOf(client), client.underlay.port),
    )
    const [[cid, client] = []] = found
    // Of two with one address, the line may not tell which it is.
    if (cid === undefined || client === undefined || found.length > 1) return
    this.#forget(cid, client, failureReason([text]) ?? ENDED)
  }

  /** Ends one, by its number for our users. @returns the command for that; undefined: there is none */
  drop(number: number, reason: string): string | undefined {
    for (const [cid, client] of this.#clients) {
      if (client.number !== number) continue
      // Over UDP, OpenVPN keeps it for five seconds more, though it has told it.
      this.#forget(cid, client, reason)
      return managementCommand.killClient(cid, reason)
    }
    return undefined
  }

  /** The server has ended. */
  forgetAll(reason: string): void {
    for (const [cid, client] of [...this.#clients]) this.#forget(cid, client, reason)
  }

  /** One that is refused dials again, every second or so. */
  #denial(cid: number, kid: number, reason: string, end?: RemoteEnd): string {
    const peer = end && subnetNameOf(end.peer.prefix)
    this.#logLimit.write(`${peer} ${reason}`, (omitted) =>
      this.#init.log.info({ peer, underlay: end?.underlay.address, reason, ...omitted }, 'client refused'),
    )
    return managementCommand.denyClient(cid, kid, reason)
  }

  #admit({ peer, underlay }: RemoteEnd): Admission {
    const { spec, signal } = this.#init
    if (signal.aborted) return { admit: false, reason: 'the server is being stopped' }
    return spec.admit(peer, underlay)
  }

  #forget(cid: number, client: ServedClient, reason: string): void {
    const { spec, signal } = this.#init
    this.#clients.delete(cid)
    this.traffic.delete(client.number)
    if (!client.up) return
    const { number, peer, dropReason } = client
    const why = signal.aborted ? 'the server was stopped' : (dropReason ?? reason)
    spec.onEvent({ kind: 'client-down', client: number, peer, reason: why })
  }
}

const ENDED = 'the connection ended'

/** What lines of the log begin with that are about a client. */
const logNameOf = ({ peer, underlay }: ServedClient): string =>
  `${subnetNameOf(peer.prefix)}/${underlay.address}`
