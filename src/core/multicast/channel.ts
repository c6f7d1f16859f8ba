/**
 * A stream: what one source sends to one group (RFC 4607 calls it a channel). Addresses in canonical text (RFC 5952).
 */
export interface Channel {
  readonly source: string
  readonly group: string
}

/** Tells channels apart. */
export const channelKey = ({ source, group }: Channel): string => `${source} ${group}`

/** Scopes (RFC 7346) that stay on a link: interface-local, link-local, and realm-local. */
const WIDEST_LINK_SCOPE = 3

/** Whether routers forward packets to this group: its scope is admin-local or wider. */
export function isRoutedGroup(group: string): boolean {
  const scope = /^ff[0-9a-f]([0-9a-f]):/.exec(group)?.[1]
  return scope !== undefined && Number.parseInt(scope, 16) > WIDEST_LINK_SCOPE
}

/** Whether the group means something only together with a source: `ff3x::/32` (RFC 4607). */
export const isSourceSpecificGroup = (group: string): boolean => /^ff3[0-9a-f]:(:|0:)/.test(group)
