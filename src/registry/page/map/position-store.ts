import type { Seal } from '../parts/seal.ts'
import { type Positions, savedPositions, savedText } from './positions.ts'

/** Where positions are kept between visits. */
export interface PositionStore {
  load(): Promise<Positions>
  save(positions: Positions): void
}

/** For what anybody may read. */
const PLAIN: Seal = { seal: async (text) => text, open: async (text) => text }

/** Keeps positions in this browser; a browser that refuses keeps none. */
export function browserStore(name: string, { seal, open }: Seal = PLAIN): PositionStore {
  let saved: Promise<void> = Promise.resolve()
  return {
    async load() {
      try {
        const kept = localStorage.getItem(name)
        return kept === null ? new Map() : savedPositions(await open(kept))
      } catch {
        return new Map()
      }
    },
    save(positions) {
      // One after another: the last one stays.
      saved = saved
        .then(async () => localStorage.setItem(name, await seal(savedText(positions))))
        // Full or forbidden: the next visit finds places anew.
        .catch(() => {})
    },
  }
}

/** Takes away what the version before kept for anybody to read: names of machines, and where they are on the map. */
export function forgetUnsealed(): void {
  try {
    localStorage.removeItem('registry')
  } catch {
    // A browser that refuses has kept nothing.
  }
}

/** Keeps nothing: all have their places as long as they are shown. */
export const NO_STORE: PositionStore = { load: async () => new Map(), save() {} }
