import type { Migration } from 'kysely'
import { migration as ownTables } from './001-own-tables.ts'
import { migration as api } from './002-api.ts'
import { migration as webhookMessages } from './003-webhook-messages.ts'
import { migration as authorities } from './004-authorities.ts'
import { migration as administrators } from './005-administrators.ts'
import { migration as pagesOfMachines } from './006-pages-of-machines.ts'
import { migration as machineCounts } from './008-machine-counts.ts'
import { migration as replication } from './009-replication.ts'
import { migration as seenCounts } from './010-seen-counts.ts'
import { migration as machineVersions } from './011-machine-versions.ts'
import { migration as searchWords } from './012-search-words.ts'
import { migration as operatorNotices } from './013-operator-notices.ts'
import { migration as listedMachines } from './014-listed-machines.ts'
import { migration as tokenMails } from './015-token-mails.ts'
import { migration as unheardCertificates } from './016-unheard-certificates.ts'
import { migration as pagesOfCommunities } from './017-pages-of-communities.ts'
import { migration as machineSoftware } from './018-machine-software.ts'
import type { DatabaseKind, MigrationOf } from './migration.ts'

/** Our own tables, by name, in this order for ever: a new one is added at the end. */
const MIGRATIONS: Readonly<Record<string, MigrationOf>> = {
  '001-own-tables': ownTables,
  '002-api': api,
  '003-webhook-messages': webhookMessages,
  '004-authorities': authorities,
  '005-administrators': administrators,
  '006-pages-of-machines': pagesOfMachines,
  '008-machine-counts': machineCounts,
  '009-replication': replication,
  '010-seen-counts': seenCounts,
  '011-machine-versions': machineVersions,
  '012-search-words': searchWords,
  '013-operator-notices': operatorNotices,
  '014-listed-machines': listedMachines,
  '015-token-mails': tokenMails,
  '016-unheard-certificates': unheardCertificates,
  '017-pages-of-communities': pagesOfCommunities,
  '018-machine-software': machineSoftware,
}

/** All migrations for one kind of database. */
export const migrationsFor = (kind: DatabaseKind): Record<string, Migration> =>
  Object.fromEntries(Object.entries(MIGRATIONS).map(([name, migration]) => [name, migration(kind)]))

/** Names of all migrations: a database with another one is of a later version. */
export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS)
