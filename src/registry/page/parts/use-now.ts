import { useEffect, useState } from 'preact/hooks'
import { registryNow } from './registry-clock.ts'

/** How old what is said of a time may be. */
const TICK_MS = 20_000

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

/** The time as the registry has it, followed: all that is shown changes at once. */
export function useNow(): number {
  const [now, setNow] = useState(registryNow)
  useEffect(() => {
    const look = () => setNow(registryNow())
    listeners.add(look)
    timer ??= setInterval(() => {
      for (const listener of listeners) listener()
    }, TICK_MS)
    return () => {
      listeners.delete(look)
      if (listeners.size > 0) return
      clearInterval(timer)
      timer = undefined
    }
  }, [])
  return now
}
