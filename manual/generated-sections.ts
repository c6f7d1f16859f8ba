import { type Command, usageLineOf } from '../src/core/options/command.ts'
import { descriptionOf, metavarOf, type Option } from '../src/core/options/option-table.ts'
import { type DocumentedCommand, optionsOf, ownOptions } from './commands.ts'

/** What a page has between `<!-- begin NAME -->` and `<!-- end NAME -->`, by that name. */
const SECTIONS: Readonly<Record<string, (documented: DocumentedCommand) => string>> = {
  synopsis: ({ command, subcommands }) =>
    ['```text', ...[command, ...subcommands.values()].flatMap(synopsisLines), '```'].join('\n'),
  options: ({ command }) => optionGroups(command, '###'),
  subcommands: ({ subcommands }) =>
    [...subcommands.values()]
      .map((command) =>
        [`### ${command.name}`, command.description, operandItem(command) + optionList(command)].join('\n\n'),
      )
      .join('\n\n'),
}

/**
 * A page with its generated parts as the option tables say now.
 * @throws Error for a part that is unknown, or has no end
 */
export function withGeneratedSections(page: string, documented: DocumentedCommand): string {
  return page.replace(/<!-- begin (\S+) -->.*?<!-- end (\S+) -->/gs, (_, name: string, end: string) => {
    const section = SECTIONS[name]
    if (!section || end !== name) throw new Error(`<!-- begin ${name} -->: unknown, or without its end`)
    return `<!-- begin ${name} -->\n\n${section(documented)}\n\n<!-- end ${name} -->`
  })
}

/** What must be given, then the rest. */
function synopsisLines(command: Command): string[] {
  if (command.subcommands && !command.runsAlone) return []
  const needed = ownOptions(command).filter((option) => option.kind === 'single' && option.required)
  const words = needed.map((option) => ` ${[option.names.at(-1), ...metavarOf(option)].join(' ')}`).join('')
  return [usageLineOf(command).replace(command.name, `${command.name}${words}`)]
}

function optionGroups(command: Command, heading: string): string {
  const options = optionsOf(command)
  return [...new Set(options.map(({ group }) => group))]
    .map((title) => {
      const items = options.filter(({ group }) => group === title).map(optionItem)
      return `${heading} ${title}\n\n${items.join('\n')}`
    })
    .join('\n\n')
}

/** Without those that every command has. */
const optionList = (command: Command): string => ownOptions(command).map(optionItem).join('\n')

/** A list item for the word that is no option, if there is one. */
const operandItem = ({ operand }: Command): string =>
  operand ? `- \`${operand.metavar}\`\\\n  ${escapeMarkdown(operand.help)}\n` : ''

/** A list item: the names, a hard line break, the description. */
function optionItem(option: Option): string {
  const metavar = metavarOf(option).join(' ')
  const names = option.names.map((name, at) =>
    metavar !== '' && at === option.names.length - 1 ? `\`${name} ${metavar}\`` : `\`${name}\``,
  )
  return `- ${names.join(', ')}\\\n  ${escapeMarkdown(descriptionOf(option))}`
}

const escapeMarkdown = (text: string): string => text.replace(/[\\`*_[\]<>|]/g, '\\$&')
