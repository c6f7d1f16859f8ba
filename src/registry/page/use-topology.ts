import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { TopologyChange, TopologySnapshot } from '../api/schemas/network.ts'
import { ApiFailure, call } from './api.ts'
import { useSessionBegun } from './parts/use-session-begun.ts'
import { afterChange } from './topology.ts'

/** After this, a stream that the browser has given up is asked for again. */
const AGAIN_MS = 3_000
/**
 * The registry says every 1.5 s that it is there: who is silent for longer than this is not, though nobody has closed the connection.
 * Registries of earlier versions do not say it: of them, no silence means anything.
 */
const SILENT_MS = 4_000
/** Its first answer may be large, and the line slow. */
const FIRST_MS = 60_000
/** So often it is looked after whether the registry has said something. */
const LOOK_MS = 500

type Picture = Pick<TopologySnapshot, 'nodes' | 'tunnels'>

/**
 * The topology, followed, and whether changes come: each connection begins with a whole picture. A browser connects again by itself
 * only where nobody answers: not after an answer that is no stream, as of a proxy whose registry is restarted, or when the session
 * has ended; nor does it see that a connection was lost without a word, as while the machine was asleep.
 */
export function useTopology(): [Picture | undefined, boolean] {
  const [picture, setPicture] = useState<Picture>()
  const [live, setLive] = useState(false)
  const connect = useRef<() => void>(() => {})
  useEffect(() => {
    let source: EventSource | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let wanted = true
    /** When the registry has said something last, or was asked to, and how long it may be silent now. */
    let heardMs = 0
    let patienceMs = FIRST_MS
    /** Whether the stream that is open has said that it is alive, and whether that is expected of it, since the one before did. */
    let saysAlive = false
    let isAliveExpected = false
    let lookedMs = Date.now()
    const later = () => {
      if (wanted) timer = setTimeout(open, AGAIN_MS)
    }
    /** Whoever begins to answer now has the time that its first answer takes. */
    const begin = () => {
      saysAlive = false
      heardMs = Date.now()
      patienceMs = FIRST_MS
    }
    const failed = () => {
      setLive(false)
      // The browser connects again by itself.
      if (source?.readyState !== EventSource.CLOSED) return begin()
      // The browser does not say why. Who has to sign in again connects then.
      call('session').then(later, (error: unknown) => {
        if (!(error instanceof ApiFailure && error.status === 401)) later()
      })
    }
    const heard = () => {
      heardMs = Date.now()
      patienceMs = isAliveExpected ? SILENT_MS : Number.POSITIVE_INFINITY
    }
    const open = () => {
      clearTimeout(timer)
      source?.close()
      begin()
      source = new EventSource('/api/v1/topology/events')
      source.onopen = begin
      source.onerror = failed
      source.addEventListener('alive', () => {
        saysAlive = true
        isAliveExpected = true
        heard()
      })
      source.addEventListener('snapshot', ({ data }) => {
        setPicture(JSON.parse(data) as TopologySnapshot)
        setLive(true)
        heard()
      })
      source.addEventListener('change', ({ data }) => {
        setPicture((before) => before && afterChange(before, JSON.parse(data) as TopologyChange))
        heard()
      })
    }
    const look = () => {
      const now = Date.now()
      // Nobody has looked for so long: this machine was asleep, or the page put aside. What has come meanwhile is heard until the next look.
      if (now - lookedMs > SILENT_MS) {
        heardMs = Math.max(heardMs, now - SILENT_MS)
        patienceMs = SILENT_MS
        lookedMs = now
        return
      }
      lookedMs = now
      if (now - heardMs <= patienceMs) return
      if (source === undefined || source.readyState === EventSource.CLOSED) return
      setLive(false)
      // Another process may answer now, of a version before.
      isAliveExpected = saysAlive
      open()
    }
    connect.current = open
    open()
    const looking = setInterval(look, LOOK_MS)
    // Timers of a page behind another one may have to wait for a minute.
    document.addEventListener('visibilitychange', look)
    return () => {
      wanted = false
      clearTimeout(timer)
      clearInterval(looking)
      document.removeEventListener('visibilitychange', look)
      source?.close()
    }
  }, [])
  useSessionBegun(useCallback(() => connect.current(), []))
  return [picture, live]
}
