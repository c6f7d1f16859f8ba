import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { TopologyChange, TopologySnapshot } from '../api/schemas/network.ts'
import { ApiFailure, call } from './api.ts'
import { useSessionBegun } from './parts/use-session-begun.ts'
import { afterChange } from './topology.ts'

/** After this, a stream that the browser has given up is asked for again. */
const AGAIN_MS = 3_000

type Picture = Pick<TopologySnapshot, 'nodes' | 'tunnels'>

/**
 * The topology, followed, and whether changes come: each connection begins with a whole picture. A browser connects again by itself
 * only where nobody answers: not after an answer that is no stream, as of a proxy whose registry is restarted, or when the session
 * has ended.
 */
export function useTopology(): [Picture | undefined, boolean] {
  const [picture, setPicture] = useState<Picture>()
  const [live, setLive] = useState(false)
  const connect = useRef<() => void>(() => {})
  useEffect(() => {
    let source: EventSource | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let wanted = true
    const later = () => {
      if (wanted) timer = setTimeout(open, AGAIN_MS)
    }
    const failed = () => {
      setLive(false)
      if (source?.readyState !== EventSource.CLOSED) return
      // The browser does not say why. Who has to sign in again connects then.
      call('session').then(later, (error: unknown) => {
        if (!(error instanceof ApiFailure && error.status === 401)) later()
      })
    }
    const open = () => {
      clearTimeout(timer)
      source?.close()
      source = new EventSource('/api/v1/topology/events')
      source.onopen = () => setLive(true)
      source.onerror = failed
      source.addEventListener('snapshot', ({ data }) => setPicture(JSON.parse(data) as TopologySnapshot))
      source.addEventListener('change', ({ data }) =>
        setPicture((before) => before && afterChange(before, JSON.parse(data) as TopologyChange)),
      )
    }
    connect.current = open
    open()
    return () => {
      wanted = false
      clearTimeout(timer)
      source?.close()
    }
  }, [])
  useSessionBegun(useCallback(() => connect.current(), []))
  return [picture, live]
}
