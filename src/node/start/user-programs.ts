import type { NodeOptions } from '../../core/options/node-options.ts'
import { networkCidr, subnetCidr } from '../../core/values/prefix.ts'
import type { CleanUp } from '../../platform/clean-up.ts'
import type { Identity } from '../identity.ts'
import { runUpCommand, UserDaemons } from '../user-commands.ts'
import type { NodeComponents } from './node-components.ts'

interface UserProgramsInit extends Pick<NodeComponents, 'processes' | 'log'> {
  readonly options: Pick<NodeOptions, 'mainInterface' | 'up' | 'daemons'>
  readonly identity: Pick<Identity, 'address' | 'authority' | 'certificate'>
  readonly cleanUp: CleanUp
}

/** Runs `--up` to its end, then starts each `--daemon`. @throws UserCommandFailure when `--up` fails */
export async function startUserPrograms(init: UserProgramsInit): Promise<void> {
  const { options, identity, cleanUp, processes, log } = init
  const { network } = identity.authority
  const environment = {
    re6stnet_iface: options.mainInterface,
    re6stnet_ip: identity.address,
    re6stnet_subnet: subnetCidr(network, identity.certificate.prefix),
    re6stnet_network: networkCidr(network),
  }
  if (options.up !== undefined) await runUpCommand({ processes, log }, options.up, environment)
  const daemons = cleanUp.use(new UserDaemons())
  daemons.start({ processes, log }, options.daemons, environment)
}
