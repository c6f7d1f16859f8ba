import type { RegistryClient } from '../platform/registry-client.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { Questions } from './questions.ts'

/** What setting up a node needs of its surroundings. */
export interface SetUpComponents {
  readonly registry: Pick<
    RegistryClient,
    'getCa' | 'requestToken' | 'requestCertificate' | 'setIdentity' | 'getNetworkConfig'
  >
  readonly directory: NodeDirectory
  readonly questions: Questions
  /** One line for the user. */
  readonly print: (line: string) => void
  /** One line that the user must not miss. */
  readonly warn: (line: string) => void
  readonly now: () => number
}
