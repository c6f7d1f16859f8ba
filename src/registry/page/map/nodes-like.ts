import type { NetworkNode } from './network.ts'

/** A name that names one node only. */
export const proposalOf = ({ id, name }: NetworkNode): string => (name === id ? id : `${name} (${id})`)

/** Those with this text in their names: which begin with it first. */
export function nodesLike(nodes: readonly NetworkNode[], text: string): readonly NetworkNode[] {
  const wanted = text.trim().toLowerCase()
  const rankOf = (node: NetworkNode): number => {
    const names = [node.name, node.id, proposalOf(node)].map((name) => name.toLowerCase())
    if (names.includes(wanted)) return 0
    if (names.some((name) => name.startsWith(wanted))) return 1
    return names.some((name) => name.includes(wanted)) ? 2 : 3
  }
  return nodes
    .map((node) => ({ node, rank: rankOf(node) }))
    .filter(({ rank }) => rank < 3)
    .sort((one, other) => one.rank - other.rank)
    .map(({ node }) => node)
}
