import type { TSchema } from 'typebox'

/** What a schema does not take, as the library says it. */
export interface SchemaFault {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: object
  readonly message: string
}

/** The first thing that is wrong, and where; never the value: it may be a password. */
export function describeFaults(
  schema: TSchema,
  faults: readonly SchemaFault[],
): { readonly text: string; readonly path: string } {
  const [first] = faults
  if (!first) return { text: 'not what is documented', path: '' }
  const [, choice] = /^(.*?\/anyOf\/)\d+/.exec(first.schemaPath) ?? []
  const nearest = choice === undefined ? [first] : nearestOf(choice, faults)
  const texts = new Set(nearest.map((fault) => textOf(schema, fault)))
  const allowed = nearest.map(({ params }) => ('allowedValue' in params ? String(params.allowedValue) : ''))
  return allowed.includes('')
    ? { text: [...texts].join(', or '), path: pathOf(nearest[0] ?? first) }
    : { text: oneOf(first, allowed), path: first.instancePath }
}

/** Of what may be this or that: the first fault of each to which it comes nearest. */
function nearestOf(choice: string, faults: readonly SchemaFault[]): readonly SchemaFault[] {
  const byBranch = new Map<string, SchemaFault[]>()
  for (const fault of faults) {
    if (!fault.schemaPath.startsWith(choice)) continue
    const [branch = ''] = fault.schemaPath.slice(choice.length).split('/', 1)
    byBranch.set(branch, [...(byBranch.get(branch) ?? []), fault])
  }
  const least = Math.min(...[...byBranch.values()].map(({ length }) => length))
  return [...byBranch.values()].filter(({ length }) => length === least).flatMap((some) => some.slice(0, 1))
}

function textOf(schema: TSchema, fault: SchemaFault): string {
  const { keyword, params, message } = fault
  const name = nameOf(fault)
  if ('requiredProperties' in params && Array.isArray(params.requiredProperties))
    return `${params.requiredProperties.join(', ')} missing`
  // What a closed object does not know.
  if (keyword === 'boolean') return `there is no ${name} here`
  if ('allowedValues' in params && Array.isArray(params.allowedValues))
    return oneOf(fault, params.allowedValues.map(String))
  if (keyword === 'format') return `${name} must be a time like 2026-11-28T08:30:00Z`
  const example = keyword === 'pattern' ? exampleAt(schema, fault.schemaPath) : undefined
  return `${name} ${example === undefined ? message : `must be like ${example}`}`
}

const oneOf = (fault: SchemaFault, values: readonly string[]): string =>
  `${nameOf(fault)} must be one of ${values.join(', ')}`

const nameOf = ({ instancePath }: SchemaFault): string => instancePath.replace(/^\//, '') || 'it'

/** Of what is missing, where it should be. */
function pathOf({ instancePath, params }: SchemaFault): string {
  const [missing] =
    'requiredProperties' in params && Array.isArray(params.requiredProperties)
      ? params.requiredProperties.map(String)
      : []
  return missing === undefined ? instancePath : `${instancePath}/${missing}`
}

/** What the schema gives as an example of what is there. */
function exampleAt(schema: TSchema, path: string): string | undefined {
  let at: unknown = schema
  for (const key of path.split('/').slice(1))
    at = typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined
  const examples = typeof at === 'object' && at !== null && 'examples' in at ? at.examples : undefined
  return Array.isArray(examples) && examples.length > 0 ? String(examples[0]) : undefined
}
