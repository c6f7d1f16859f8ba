import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Re6stError } from '../src/core/errors.ts'
import type { Gateway, Lab } from './lab.ts'
import type { LabProcess } from './lab-process.ts'

/** How a gateway forwards ports. */
export interface MiniupnpdOptions {
  readonly upnp?: boolean
  /** The daemon has both of these or none: what is asked in the one that is off is lost on its way. */
  readonly natPmp?: boolean
  readonly pcp?: boolean
  /** Without one, as behind another NAT, it says so and forwards nothing. */
  readonly hasPublicAddress?: boolean
  /** Pretends to know only the first version of the UPnP standard. */
  readonly onlyIgd1?: boolean
  /** By PCP, nobody gets a port for longer than this without asking again. */
  readonly maxLeaseSeconds?: number
  /** Who may have which ports, as in its configuration: `allow 1024-65535 192.168.1.0/24 1-65535`. Others may not. */
  readonly rules?: readonly string[]
}

/** A mapping, as the firewall of the gateway has it. */
export interface ForwardedPort {
  readonly protocol: string
  readonly externalPort: number
  readonly to: string
}

/** In the gateway's own table: what another table lets pass, this one would still drop. */
const TABLE = 'gateway'
const CHAINS = { forward: 'upnp_forward', nat: 'upnp_nat', postrouting: 'upnp_postrouting' } as const

/** Where it listens: UPnP's HTTP server has a port of its own choice. */
const SSDP = ['tcp', 'udp 1900']
const NAT_PMP = ['udp 5351']
const START_MS = 60_000

const PROTOCOLS: Readonly<Record<string, string>> = { '0x6': 'tcp', '6': 'tcp', '0x11': 'udp', '17': 'udp' }

/** miniupnpd on a NAT gateway of the lab: forwards ports to whoever in the LAN asks for it. */
export class Miniupnpd {
  readonly #lab: Lab
  readonly #gateway: Gateway
  #options: MiniupnpdOptions = {}
  #process: LabProcess | undefined
  #externalAddress: string

  private constructor(lab: Lab, gateway: Gateway, externalAddress: string) {
    this.#lab = lab
    this.#gateway = gateway
    this.#externalAddress = externalAddress
  }

  /** Starts it. */
  static async start(lab: Lab, gateway: Gateway, options: MiniupnpdOptions = {}): Promise<Miniupnpd> {
    const number = gateway.machine.addresses.ipv4?.split('.').at(-1)
    const created = new Miniupnpd(lab, gateway, '')
    await created.#addChains()
    // miniupnpd refuses the documentation range of the lab's Internet as outside address, as all that is not public.
    await created.#giveAddress(`20.0.113.${number}`)
    await created.restart(options)
    return created
  }

  /** Where the Internet reaches what it forwards. */
  get externalAddress(): string {
    return this.#externalAddress
  }

  /** The running daemon, or the last one. */
  get process(): LabProcess | undefined {
    return this.#process
  }

  /** Starts it again, as after a power cut: without the mappings that there were. */
  async restart(options: MiniupnpdOptions = this.#options): Promise<void> {
    this.#options = options
    await this.#process?.killHard()
    await this.flush()
    await this.#gateway.machine.run('nft', deafTable(options))
    const file = path.join(this.#gateway.machine.directory, 'miniupnpd.conf')
    writeFileSync(file, this.#configuration(options))
    const pidFile = path.join(this.#gateway.machine.directory, 'miniupnpd.pid')
    this.#process = this.#gateway.machine.start(['miniupnpd', '-d', '-f', file, '-P', pidFile], {
      name: 'miniupnpd',
    })
    const { upnp = true, natPmp = true, pcp = true } = options
    const ports = [...(upnp ? SSDP : []), ...(natPmp || pcp ? NAT_PMP : [])]
    await this.#lab.waitFor(async () => (await this.#listensAt(ports)) || this.#process?.end !== undefined, {
      what: 'miniupnpd to listen',
      deadlineMs: START_MS,
    })
    if (this.#process.end !== undefined)
      throw new Re6stError('DAEMON', `miniupnpd ended: ${this.#process.lastLines(3).join(' | ')}`)
  }

  /** Whether the daemon listens at each of these: `udp 1900`, or `tcp`, at whatever port. */
  async #listensAt(places: readonly string[]): Promise<boolean> {
    const { stdout } = await this.#gateway.machine.run('ss', '-Hltunp')
    const ours = stdout.split('\n').flatMap((line) => {
      const [, protocol, port] = /^(\S+)\s.*?:(\d+)\s.*"miniupnpd"/.exec(line) ?? []
      return protocol === undefined ? [] : [protocol, `${protocol} ${port}`]
    })
    return places.every((place) => ours.includes(place))
  }

  /** Ends it: nobody answers any more. What was forwarded stays so. */
  async stop(): Promise<void> {
    await this.#process?.killHard()
  }

  /** Removes all mappings behind its back. */
  async flush(): Promise<void> {
    for (const chain of Object.values(CHAINS))
      await this.#gateway.machine.run('nft', 'flush', 'chain', 'inet', TABLE, chain)
  }

  /** Gives the gateway another address on the Internet; to be restarted to know of it. */
  async changeAddress(address: string): Promise<void> {
    const { machine } = this.#gateway
    await machine.run('ip', 'addr', 'del', `${this.#externalAddress}/32`, 'dev', 'eth0')
    await this.#lab.internet.router.run('ip', 'route', 'del', `${this.#externalAddress}/32`)
    await this.#giveAddress(address)
  }

  /** What the firewall really forwards now. */
  async forwardedPorts(): Promise<ForwardedPort[]> {
    const { stdout } = await this.#gateway.machine.run('nft', 'list', 'chain', 'inet', TABLE, CHAINS.nat)
    return stdout.split('\n').flatMap((line) => {
      // miniupnpd compares bytes of the IP header; how nft shows that depends on its version.
      const protocol = /protocol (\w+)|@nh,72,8 (\w+)|\b(tcp|udp) dport/.exec(line)?.slice(1).find(Boolean)
      const port = /dport (\d+)/.exec(line)?.[1]
      const to = /dnat (?:ip )?to (\S+)/.exec(line)?.[1]
      return protocol === undefined || port === undefined || to === undefined
        ? []
        : [{ protocol: PROTOCOLS[protocol] ?? protocol, externalPort: Number(port), to }]
    })
  }

  async #giveAddress(address: string): Promise<void> {
    const { machine } = this.#gateway
    this.#externalAddress = address
    await machine.run('ip', 'addr', 'add', `${address}/32`, 'dev', 'eth0')
    await this.#lab.internet.router.run(
      'ip',
      'route',
      'add',
      `${address}/32`,
      'dev',
      machine.cable?.routerPort ?? '',
    )
  }

  async #addChains(): Promise<void> {
    const script = `
      table inet ${TABLE} {
        chain ${CHAINS.forward} { }
        chain ${CHAINS.nat} { }
        chain ${CHAINS.postrouting} { }
        chain upnp_inwards { type nat hook prerouting priority dstnat; jump ${CHAINS.nat}; }
      }
      insert rule inet ${TABLE} inwards jump ${CHAINS.forward}`
    await this.#gateway.machine.run('nft', script)
  }

  #configuration({
    upnp = true,
    natPmp = true,
    pcp = true,
    hasPublicAddress = true,
    onlyIgd1 = false,
    maxLeaseSeconds,
    rules = [],
  }: MiniupnpdOptions): string {
    const yes = (value: boolean) => (value ? 'yes' : 'no')
    return [
      'ext_ifname=eth0',
      ...(hasPublicAddress ? [`ext_ip=${this.#externalAddress}`] : []),
      'listening_ip=lan',
      'ipv6_disable=yes',
      `enable_upnp=${yes(upnp)}`,
      `enable_natpmp=${yes(natPmp || pcp)}`,
      `force_igd_desc_v1=${yes(onlyIgd1)}`,
      ...(maxLeaseSeconds === undefined ? [] : ['min_lifetime=1', `max_lifetime=${maxLeaseSeconds}`]),
      'secure_mode=yes',
      'system_uptime=no',
      'uuid=7d0e6d0e-0000-4000-8000-000000000001',
      `upnp_table_name=${TABLE}`,
      `upnp_nat_table_name=${TABLE}`,
      `upnp_forward_chain=${CHAINS.forward}`,
      `upnp_nat_chain=${CHAINS.nat}`,
      `upnp_nat_postrouting_chain=${CHAINS.postrouting}`,
      ...rules,
      ...(rules.length > 0 ? ['deny 0-65535 0.0.0.0/0 0-65535'] : []),
      '',
    ].join('\n')
  }
}

/** Drops the requests of one version of the protocol: the first byte after the UDP header. */
function deafTable({ natPmp = true, pcp = true }: MiniupnpdOptions): string {
  const versions = [...(natPmp ? [] : [0]), ...(pcp ? [] : [2])]
  const rules = natPmp || pcp ? versions.map((version) => `udp dport 5351 @th,64,8 ${version} drop`) : []
  return `
    table inet deaf
    delete table inet deaf
    table inet deaf {
      chain input { type filter hook input priority filter; ${rules.map((rule) => `${rule}; `).join('')}}
    }`
}
