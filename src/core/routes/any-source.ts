/** Source prefixes (RFC 9079) of routes for packets from anywhere. */
export const ANY_IPV6 = '::/0'
export const ANY_IPV4 = '0.0.0.0/0'

/** The one of the family of a destination. */
export const anySourceFor = (prefix: string): string => (prefix.includes(':') ? ANY_IPV6 : ANY_IPV4)

/** Whether a source prefix is one of them. */
export const isAnySource = (from: string): boolean => from === ANY_IPV6 || from === ANY_IPV4
