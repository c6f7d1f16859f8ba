import type { NetworkConfig } from '../../core/config/network-config.ts'
import type { FailingReply, MulticastReply, StatusReply } from '../../core/control/replies.ts'
import type { PeerAddress } from '../../core/values/address-list.ts'
import type { Processes } from '../../platform/processes.ts'
import type { RegistryClient } from '../../platform/registry-client.ts'
import type { Draining } from '../draining.ts'
import type { History } from '../history.ts'
import type { Identity } from '../identity.ts'
import type { NeighbourProbe } from '../neighbour-probe.ts'
import type { RoutedNodes } from '../routed-nodes.ts'
import type { Router } from '../routing/router.ts'
import type { WayQuestions } from '../trace/way-questions.ts'
import type { Tunnels } from '../tunnels/tunnels.ts'

/** Where the answers come from. */
export interface NodeViewSources {
  readonly identity: () => Identity
  readonly config: () => NetworkConfig
  readonly router: Pick<Router, 'neighbours' | 'routes' | 'explain'>
  readonly nodes: RoutedNodes
  readonly history: Pick<History, 'since' | 'lostNeighbours'>
  /** Asks other nodes for their ways. */
  readonly ways: Pick<WayQuestions, 'ask'>
  readonly processes: Pick<Processes, 'start'>
  readonly tunnels: Pick<Tunnels, 'list' | 'cutOff' | 'sharedCertificates'>
  readonly advertised: () => readonly PeerAddress[]
  readonly registry: Pick<RegistryClient, 'contact'>
  readonly probe: Pick<NeighbourProbe, 'run'>
  readonly isForwarded: () => boolean
  readonly draining: Pick<Draining, 'set' | 'sinceMs' | 'emptied'>
  /** Why something of the network is not in effect here; undefined: it is. */
  readonly failures: () => { readonly [what in FailingReply['what']]: string | undefined }
  readonly registryUrl: string
  readonly routerName: StatusReply['router']
  readonly sourceSpecificRoutes: boolean
  /** Undefined: without `--multicast`. */
  readonly multicast: () => MulticastReply | undefined
  readonly uptimeMs: () => number
  /** Wall clock. */
  readonly nowMs: () => number
}
