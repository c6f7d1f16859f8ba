import type { InterfaceKind, RouterSettings } from './router.ts'

/** The interfaces that settings name. */
export const interfacesOf = ({
  tunnelIfaces,
  lanIfaces,
}: RouterSettings): ReadonlyMap<string, InterfaceKind> =>
  new Map<string, InterfaceKind>([
    ...tunnelIfaces.map((iface) => [iface, 'server'] as const),
    ...lanIfaces.map((iface) => [iface, 'lan'] as const),
  ])
