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
  changes: {
    code: 'change-not-applied',
    what: 'the network has another configuration, and something of it could not be taken into effect here',
    remedy:
      'the node does it again by itself, at most a minute apart. If the reason is of this machine (memory, file descriptors, a program), mend that; else report it with re6stnet.log, and start the node again',
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
  servers: {
    code: 'server-failed',
    what: 'a server to which others connect does not start',
    remedy:
      'the node tries again each minute. Where another program has the port, end that, or give another port with --pp',
  },
  forwarding: {
    code: 'forwarding-failed',
    what: '--ip says that others reach this node by its gateway, which does not forward: only this node can make tunnels',
    remedy:
      'the node asks again by itself; switch on UPnP, NAT-PMP or PCP at the gateway, or forward the ports by hand and give its address with --ip',
  },
  cache: {
    code: 'cache-not-written',
    what: 'what the node learns of the network and of other nodes cannot be written, and is lost at its next start',
    remedy:
      'the node goes on, and writes all of it when it can: see that --state is on a file system with space, that root can write to it, and that no other program holds cache.db',
  },
}

/** What of the network is not in effect on a node that runs, and says so. */
export const judgeFailing = (failing: readonly FailingReply[]): Finding[] =>
  failing.map(({ what, reason }) => ({ ...REMEDIES[what], what: `${REMEDIES[what].what}: ${reason}` }))
