import { type Router, SERVER } from './router.ts'

/** A tunnel between two routers: one has made it, on an interface of its own; the other hears it on its server. */
export interface Tunnel {
  readonly client: Router
  readonly server: Router
  readonly delayMs: number
  /** Whether packets from the client, and from the server arrive. */
  open: { readonly up: boolean; readonly down: boolean }
}

/** The name of the client's interface. */
export const clientIface = ({ server }: Pick<Tunnel, 'server'>): string => `tunnel${server.index}`

/** Whether packets arrive in both directions. */
export const isOpen = ({ open: { up, down } }: Tunnel): boolean => up && down

/** An end of a tunnel: at whom, and how it is called there. */
export interface End {
  readonly router: Router
  readonly iface: string
}

/** The other end of a tunnel. */
export const farEnd = (tunnel: Tunnel, near: Router): End =>
  tunnel.client === near
    ? { router: tunnel.server, iface: SERVER }
    : { router: tunnel.client, iface: clientIface(tunnel) }
