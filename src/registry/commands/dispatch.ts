import type { RegistrySubcommand } from '../../core/options/registry-commands.ts'

/**
 * Runs a subcommand of `re6st-registry`. Each is loaded when it is asked for.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runSubcommand(run: RegistrySubcommand): Promise<number> {
  switch (run.command) {
    case 'backup':
      return (await import('./backup.ts')).runBackup(run.options)
    case 'restore':
      return (await import('./restore.ts')).runRestore(run.options)
    case 'check':
      return (await import('./check.ts')).runCheck(run.options)
    case 'import':
      return (await import('./import.ts')).runImport(run.options)
    case 'admin':
      return (await import('./admin.ts')).runAdmin(run.options)
    case 'token':
      return (await import('./token.ts')).runToken(run.options)
    case 'audit':
      return (await import('./audit.ts')).runAudit(run.options)
    case 'ca':
      return (await import('./ca.ts')).runCa(run.options)
    case 'nodes':
      return (await import('./machines.ts')).runNodes(run.options)
    case 'show':
      return (await import('./machines.ts')).runShow(run.options)
    case 'invite':
      return (await import('./invite.ts')).runInvite(run.options)
    case 'revoke':
      return (await import('./revoke.ts')).runRevoke(run.options)
    case 'keys':
      return (await import('./keys.ts')).runKeys(run.options)
    case 'config':
      return (await import('./config.ts')).runConfig(run.options)
    case 'standby':
      return (await import('./standby.ts')).runStandbyCommand(run.options)
    case 'init':
      return (await import('./init.ts')).runInit(run.options)
  }
}
