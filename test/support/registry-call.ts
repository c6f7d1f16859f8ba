// Asks a registry for the certificate of its authority, as a node does, and prints whether that came.
import { messageOf } from '../../src/core/errors.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'

console.log(
  await new RegistryClient(process.argv[2] ?? '').getCa().then(
    () => 'answered',
    (error: unknown) => `failed: ${messageOf(error)}`,
  ),
)
