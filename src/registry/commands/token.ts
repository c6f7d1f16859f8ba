import { DAY_MS, dayOf } from '../../core/day.ts'
import { jsonText } from '../../core/json-text.ts'
import type { TokenOptions } from '../../core/options/registry-token-options.ts'
import type { BearerToken } from '../api/schemas/access.ts'
import { askRegistryOf, withList } from './ask-registry.ts'
import { columns } from './columns.ts'

/**
 * Runs `re6st-registry token`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runToken(options: TokenOptions): Promise<number> {
  const print = (value: unknown, text: string) => process.stdout.write(options.json ? jsonText(value) : text)
  const ask = askRegistryOf(options)
  switch (options.action) {
    case 'new': {
      const { label, scope, days, isTokenOnly } = options
      const made = await ask('makeBearerToken', {
        body: { label, scope, end: new Date(Date.now() + days * DAY_MS).toISOString() },
      })
      const { id, end } = made.token
      print(
        made,
        isTokenOnly
          ? `${made.secret}\n`
          : `Token ${id}, may ${scope}, until ${dayOf(end)}. Not shown again:\n  ${made.secret}\n`,
      )
      return 0
    }
    case 'list': {
      const { items } = await ask('bearerTokens')
      print(items, listText(items))
      return 0
    }
    case 'delete': {
      const { id } = options
      await ask('deleteBearerToken', { params: { id } }).catch(withList('token list'))
      print({ deleted: id }, `${id}: deleted\n`)
      return 0
    }
  }
}

const listText = (tokens: readonly BearerToken[]): string =>
  columns([
    ['ID', 'MAY', 'UNTIL', 'LAST USED', 'MADE BY', 'FOR'],
    ...tokens.map(({ id, scope, end, usedAt, madeBy, label }) => [
      ...[id, scope, dayOf(end), usedAt ?? 'never', madeBy, label],
    ]),
  ])
