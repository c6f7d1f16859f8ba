import leven from 'leven'
import { ok, type Result, refuse } from '../result.ts'
import { type Option, usageOf } from './option-table.ts'
import { splitShellWords } from './shell-words.ts'

/**
 * The words of a command line that a line of an option file stands for: the long name without dashes, or a letter, then
 * its values. A name that is nearly that of an option is refused: with a dash in front it would be another one.
 */
export function wordsOfLine(line: string, options: readonly Option[]): Result<string[]> {
  const words = splitShellWords(line)
  if (!words.ok) return words
  const [name, ...values] = words.value
  if (name === undefined) return ok([])
  const longNames = longNamesOf(options)
  if (longNames.includes(name)) return ok([`--${name}`, ...values])

  const [, dashes = '', rest = ''] = /^(-*)(.*)$/s.exec(name) ?? []
  if (dashes !== '' && longNames.includes(rest)) {
    // With one, it always was read as it was meant.
    return dashes === '-' ? ok([`--${rest}`, ...values]) : refuse(`${name}: write it without dashes, ${rest}`)
  }
  const [beforeSign = ''] = name.split('=', 1)
  if (name.includes('=') && longNames.includes(beforeSign))
    return refuse(`${name}: write a blank instead of =, ${beforeSign} ${name.slice(beforeSign.length + 1)}`)

  const near = nearestName(beforeSign, longNames)
  const usage = options.find(({ names }) => names.includes(`--${near}`))
  if (usage === undefined && isShort(name, options)) return ok([`-${name}`, ...values])
  return refuse(`${name}: no such option${usage ? `; did you mean ${usageOf(usage).slice(2)}?` : ''}`)
}

/** The long names of options, without dashes. */
export const longNamesOf = (options: readonly Option[]): string[] =>
  options.flatMap(({ names }) =>
    names.filter((name) => name.startsWith('--')).map((name) => name.slice('--'.length)),
  )

/** The name that this one was probably meant to be. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  // A letter is a name of its own, and what has blanks is no name.
  if (given.length < 2 || /\s/.test(given)) return undefined
  const name = given.toLowerCase()
  const distances = names.map((one) => ({ one, distance: leven(name, one) }))
  const [nearest] = distances
    .filter(({ one, distance }) => {
      const isPart = one.startsWith(name) || (name.startsWith(one) && one.length > 2)
      return isPart || distance <= Math.max(1, Math.floor(Math.max(name.length, one.length) / 3))
    })
    .sort((a, b) => a.distance - b.distance)
  return nearest?.one
}

/** Whether this is letters of flags, or the letter of an option and, perhaps, its value. */
function isShort(name: string, options: readonly Option[]): boolean {
  const byLetter = new Map(
    options.flatMap((option) =>
      option.names.filter((one) => /^-[^-]$/.test(one)).map((one) => [one.slice(1), option] as const),
    ),
  )
  const [first = ''] = name
  const option = byLetter.get(first)
  if (option === undefined) return false
  return option.kind !== 'flag' || [...name].every((letter) => byLetter.get(letter)?.kind === 'flag')
}
