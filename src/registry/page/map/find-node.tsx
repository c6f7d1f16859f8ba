import type { JSX } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { NetworkNode } from './network.ts'
import { nodesLike, proposalOf } from './nodes-like.ts'

interface FindNodeProps {
  readonly nodes: readonly NetworkNode[]
  readonly choose: (id: string) => void
}

/** So many are proposed. */
const MOST = 12

/** Finds a node of the drawing by its name, which is the way to it for who has a keyboard only, or thousands of nodes. */
export function FindNode({ nodes, choose }: FindNodeProps): JSX.Element {
  const list = useId()
  const [text, setText] = useState('')
  const [isNone, setNone] = useState(false)
  const found = text.trim() === '' ? [] : nodesLike(nodes, text).slice(0, MOST)
  const go = (event: SubmitEvent) => {
    event.preventDefault()
    const [first] = found
    setNone(first === undefined)
    if (first !== undefined) choose(first.id)
  }
  const write = (written: string) => {
    setText(written)
    setNone(false)
    // One that was proposed was chosen.
    const meant = nodes.find((node) => proposalOf(node) === written)
    if (meant !== undefined) choose(meant.id)
  }
  return (
    <form class="find" onSubmit={go}>
      <label>
        Find a node{' '}
        <input
          type="search"
          list={list}
          value={text}
          autocomplete="off"
          onInput={({ currentTarget }) => write(currentTarget.value)}
        />
      </label>
      <datalist id={list}>
        {found.map((node) => (
          <option key={node.id} value={proposalOf(node)} />
        ))}
      </datalist>
      <button type="submit">Find</button>
      <span role="status">{isNone && 'No node is called that.'}</span>
    </form>
  )
}
