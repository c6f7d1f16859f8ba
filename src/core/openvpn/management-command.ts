/** Commands of OpenVPN's management interface, each with its line ends: one answer comes for each. */
export const managementCommand = {
  /** Log lines from now on: they say why a connection fails, in order with the states. */
  logOn: 'log on\n',
  stateOn: 'state on\n',
  holdRelease: 'hold release\n',
  /** Ends an attempt: the next one waits for `holdRelease`. */
  tryNext: 'signal SIGUSR1\n',
  /** Answered at once: whoever does not answer hangs. */
  processId: 'pid\n',
  /** Where each client is, in lines of their own (`client-address`) before the answer. */
  clientAddresses: 'status 3\n',
  /** Totals of the process, as they are now: the counters below are told only when something passes. */
  loadStats: 'load-stats\n',

  /** Traffic counters, at most once in so many seconds. */
  byteCount: (intervalS: number) => `bytecount ${intervalS}\n`,

  /** Lets a new client in and gives it these options. */
  admitClient: (cid: number, kid: number, pushed: readonly string[]) =>
    `client-auth ${cid} ${kid}\n${pushed.map((option) => `push ${quoted(option)}\n`).join('')}END\n`,

  /**
   * Sends the client a note that it logs at most. What matters is that OpenVPN then looks at the client again: after
   * `client-auth` alone it does so only when the client sends something or a second has passed.
   */
  wakeClient: (cid: number, kid: number) => `client-pending-auth ${cid} ${kid} "admitted" 30\n`,

  /** Lets a client stay, whose keys are renegotiated. */
  readmitClient: (cid: number, kid: number) => `client-auth-nt ${cid} ${kid}\n`,

  /** Refuses a client, new or not, and tells it why. */
  denyClient: (cid: number, kid: number, reason: string) =>
    `client-deny ${cid} ${kid} ${quoted(reason)} ${quoted(reason)}\n`,

  /** Tells a client to begin anew, and why, and forgets it. */
  killClient: (cid: number, reason?: string) =>
    `client-kill ${cid}${reason === undefined ? '' : ` ${quoted(`RESTART,${reason}`)}`}\n`,
} as const

/** OpenVPN cuts a parameter at 255 bytes. */
const LONGEST_PARAMETER = 200

/** One parameter, whatever it contains: a line end in it would be the end of the command. */
function quoted(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ').slice(0, LONGEST_PARAMETER)
  return `"${clean.replace(/["\\]/g, '\\$&')}"`
}
