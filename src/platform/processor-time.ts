/** Processor time that this process has used so far, in milliseconds: what others take from us does not count. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
