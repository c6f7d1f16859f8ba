/**
 * How many bytes wait in netlink sockets to be read.
 * @param table `/proc/net/netlink`
 * @param inodes of the sockets, as the kernel numbers them
 */
export function unreadBytes(table: string, inodes: ReadonlySet<string>): number {
  const [head = '', ...lines] = table.split('\n')
  const columns = head.trim().split(/\s+/)
  const [inodeAt, bytesAt] = [columns.indexOf('Inode'), columns.indexOf('Rmem')]
  let bytes = 0
  for (const line of lines) {
    const words = line.trim().split(/\s+/)
    if (inodes.has(words[inodeAt] ?? '')) bytes += Number(words[bytesAt]) || 0
  }
  return bytes
}
