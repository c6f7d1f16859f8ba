import { ANYONE, type TunnelTarget } from '../../core/tunnels/decisions.ts'

/** Names of the interfaces of tunnels that we make: `re6stnet1` and so on; `re6stnet` where there is one to whoever answers. */
export class InterfaceNames {
  readonly #isFree: (name: string) => boolean
  readonly #taken = new Set<string>()

  /** @param isFree whether the router knows nothing any more of an interface of that name */
  constructor(isFree: (name: string) => boolean) {
    this.#isFree = isFree
  }

  /** The first that is free: it is taken now. */
  take(target: TunnelTarget): string {
    let number = target === ANYONE ? 0 : 1
    const name = () => (number === 0 ? 're6stnet' : `re6stnet${number}`)
    while (this.#taken.has(name()) || !this.#isFree(name())) number++
    this.#taken.add(name())
    return name()
  }

  /** Its interface is gone. */
  free(name: string): void {
    this.#taken.delete(name)
  }
}
