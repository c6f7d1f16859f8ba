import { DAY_MS, dayOf } from '../../core/day.ts'
import { jsonText } from '../../core/json-text.ts'
import type { InviteOptions } from '../../core/options/registry-operator-options.ts'
import type { Invitation, MadeInvitation } from '../api/schemas/invitations.ts'
import { type AskRegistry, askRegistryOf, withList } from './ask-registry.ts'
import { columns } from './columns.ts'

/**
 * Runs `re6st-registry invite`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runInvite(options: InviteOptions): Promise<number> {
  const print = (value: unknown, text: string) => process.stdout.write(options.json ? jsonText(value) : text)
  switch (options.action) {
    case 'new': {
      const { uses, days, email, community, machineName, isTokenOnly } = options
      const made = await askRegistryOf(options, options.host)('invite', {
        body: {
          uses,
          end: new Date(Date.now() + days * DAY_MS).toISOString(),
          ...(email === undefined ? {} : { email }),
          ...(community === undefined ? {} : { community }),
          ...(machineName === undefined ? {} : { machineName }),
        },
      })
      print(made, isTokenOnly ? `${made.token}\n` : madeText(made))
      return 0
    }
    case 'list': {
      const items = await allInvitations(askRegistryOf(options))
      print(items, listText(items))
      return 0
    }
    case 'delete': {
      const { id } = options
      await askRegistryOf(options)('deleteInvitation', { params: { id } }).catch(withList('invite list'))
      print({ deleted: id }, `${id}: deleted; machines that have joined with it stay\n`)
      return 0
    }
  }
}

async function allInvitations(ask: AskRegistry): Promise<Invitation[]> {
  const items: Invitation[] = []
  for (;;) {
    const page = await ask('invitations', { query: { offset: items.length } })
    items.push(...page.items)
    if (page.items.length === 0 || items.length >= page.total) return items
  }
}

const madeText = ({ invitation: { id, uses, end }, link, joinLine }: MadeInvitation): string => `\
Invitation ${id}, for ${uses === 1 ? 'one machine' : `${uses} machines`}, until ${dayOf(end)}. To run as root on the machine, not shown again:
  ${joinLine}
${link === undefined ? '' : `Or by the page: ${link}\n`}`

const listText = (invitations: readonly Invitation[]): string =>
  columns([
    ['ID', 'LEFT', 'UNTIL', 'MADE BY', 'FOR', 'MACHINES'],
    ...invitations.map(({ id, usesLeft, uses, end, madeBy, email, machineName, machines }) => [
      ...[id, `${usesLeft}/${uses}`, dayOf(end), madeBy],
      [machineName, email].filter(Boolean).join(' '),
      machines.join(' '),
    ]),
  ])
