import type { ComponentChildren, JSX } from 'preact'

/** What a fact is called, and what is known; undefined: nothing. */
export type Fact = readonly [string, ComponentChildren]

/** Facts that are known, one below the other. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([what, value]) =>
        value === undefined || value === false || value === '' ? null : (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  )
}
