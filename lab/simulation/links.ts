/**
 * The tunnels of a network, packed by whoever has made them: where all of them are read again and again, a hundred thousand
 * sets of objects are ten times as slow. Nodes are named by index.
 */
export class Links {
  readonly #counts: Int32Array
  /** So many places has each node. */
  #width: number
  #peers: Int32Array

  /** @param width how many tunnels a node makes, about */
  constructor(nodes: number, width = 8) {
    this.#counts = new Int32Array(nodes)
    this.#width = width
    this.#peers = new Int32Array(nodes * width)
  }

  get nodes(): number {
    return this.#counts.length
  }

  /** How many tunnels a node has made. */
  count(client: number): number {
    return this.#counts[client] ?? 0
  }

  /** To whom one of them leads: they are in no order. */
  peer(client: number, at: number): number {
    return this.#peers[client * this.#width + at] ?? 0
  }

  add(client: number, server: number): void {
    const count = this.count(client)
    if (count === this.#width) this.#widen()
    this.#peers[client * this.#width + count] = server
    this.#counts[client] = count + 1
  }

  remove(client: number, server: number): void {
    const begin = client * this.#width
    const last = begin + this.count(client) - 1
    const place = this.#peers.indexOf(server, begin)
    if (place < 0 || place > last) return
    this.#peers[place] = this.#peers[last] ?? 0
    this.#counts[client] = last - begin
  }

  #widen(): void {
    const width = 2 * this.#width
    const peers = new Int32Array(this.nodes * width)
    for (let client = 0; client < this.nodes; client++) {
      const begin = client * this.#width
      peers.set(this.#peers.subarray(begin, begin + this.count(client)), client * width)
    }
    this.#width = width
    this.#peers = peers
  }
}
