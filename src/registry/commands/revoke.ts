import { jsonText } from '../../core/json-text.ts'
import type { RevokeOptions } from '../../core/options/registry-operator-options.ts'
import { askRegistryOf, withList } from './ask-registry.ts'

/**
 * Runs `re6st-registry revoke`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runRevoke({ json, what, ...where }: RevokeOptions): Promise<number> {
  const ask = askRegistryOf(where)
  const { registryMachine } = await ask('overview')
  await ask('revoke', { body: what }).catch(withList('nodes'))
  if ('machine' in what && what.machine === registryMachine)
    process.stderr.write(
      're6st-registry: WARNING: it was the node of the registry: no node hears of changes until this machine has joined again, as the next one to do so\n',
    )
  process.stdout.write(
    json
      ? jsonText({ revoked: what })
      : 'machine' in what
        ? `${what.machine} is shut out: its certificates are revoked, its prefix is free\n`
        : `certificate ${what.serial} is revoked: its machine may renew it\n`,
  )
  return 0
}
