/** What an operator sees of the URL. */
export const withoutPassword = (url: string): string => url.replace(/:[^:@/]*@/, '@')

/** The URLs of the servers that one names. */
export function serversOf(url: string): string[] {
  const [, before = '', hosts = '', behind = ''] = /^(\w+:\/\/(?:[^@/]*@)?)([^/?]*)(.*)$/.exec(url) ?? []
  return hosts.split(',').map((host) => `${before}${host}${behind}`)
}
