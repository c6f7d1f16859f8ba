/** Where one is on the page, as the address says it: `#machines?state=offline&machine=5%2F16`. */
export interface Place {
  readonly view: string
  /** What is looked at there: a reload, a bookmark and the button Back lead to the same. */
  readonly parameters: ReadonlyMap<string, string>
}

/** What an address says. @param hash with the `#` */
export function placeOf(hash: string): Place {
  const [view = '', ...rest] = hash.replace(/^#/, '').split('?')
  return { view, parameters: new Map(new URLSearchParams(rest.join('?'))) }
}

/** The address of a place; parameters without a value are left out. */
export function hashOf(
  view: string,
  parameters: Iterable<readonly [string, string | undefined]> = [],
): string {
  const given = [...parameters].flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, value]],
  )
  return given.length === 0 ? `#${view}` : `#${view}?${new URLSearchParams(given)}`
}

/** The address at which a machine is shown. */
export const hashOfMachine = (name: string): string => hashOf('machines', [['machine', name]])
