/** A host as it stands before a colon and a port: IPv6 addresses in brackets (RFC 3986, 3.2.2). */
export const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)
