import type { FailingReply } from '../control/replies.ts'
import type { Finding, FindingCode } from './finding.ts'

const REMEDIES: Readonly<
  Record<FailingReply['what'], { readonly code: FindingCode; readonly what: string; readonly remedy: string }>
> = {
  configuration: {
    code: 'configuration-refused',
    what: 'what the registry gives as the configuration of the network is not in effect on this node',
    remedy:
      'the node goes on with the one it has, and asks again by itself. Tell the operator of the network; where the network is too new for this node, install a newer re6stnet',
  },
  renewal: {
    code: 'renewal-failed',
    what: 'a certificate is due for renewal, and that failed',
    remedy:
      'the node tries again by itself: until the certificate ends nobody notices. See that --registry is right and answers, and tell the operator of the network',
  },
  ipv4: {
    code: 'ipv4-failed',
    what: 'the network carries IPv4, and this node has no part in it, or no address of its own',
    remedy:
      'if the reason is of this machine, mend it and start the node again; a certificate without a number, or with one that does not fit, is for the operator of the network (--ipv4 of the registry)',
  },
}

/** What of the network is not in effect on a node that runs, and says so. */
export const judgeFailing = (failing: readonly FailingReply[]): Finding[] =>
  failing.map(({ what, reason }) => ({ ...REMEDIES[what], what: `${REMEDIES[what].what}: ${reason}` }))
