import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Machine, MachineQuery } from '../../api/schemas/machines.ts'
import { call } from '../api.ts'
import { sayWhy } from '../parts/use-answer.ts'
import { useSessionBegun } from '../parts/use-session-begun.ts'

const PAGE = 500
/** As many as the API gives at once: of a longer table, nothing is asked for again by itself. */
const MOST = 1_000
/** What is shown is asked for again after so long, or later where that takes long: a registry has more to do. */
const ROUND_MS = 5_000
const ROUND_PER_ANSWER = 4

/** What is in the table, and how many there are of it. */
export interface FoundMachines {
  readonly total: number
  /** There are more than that, which were not counted. */
  readonly isTotalAtLeast: boolean
  readonly items: readonly Machine[]
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined
  /** There may be more, which were not found. */
  readonly isMore: boolean
}

/** Machines that were asked for. */
interface AskedMachines {
  /** The last that were found, also of another query, as long as `isLooking`; undefined: none yet. */
  readonly found: FoundMachines | undefined
  readonly isLooking: boolean
  readonly problem: string | undefined
  readonly more: () => void
  readonly reload: () => void
}

/** The machines of a query, page by page, kept as they are while the page can be seen. */
export function useMachines(query: MachineQuery): AskedMachines {
  const [found, setFound] = useState<FoundMachines>()
  const [isLooking, setLooking] = useState(true)
  const [problem, setProblem] = useState<string>()
  const shown = useRef(found)
  shown.current = found
  // Also what was asked for by an earlier query, and has not come, is wanted no more.
  const round = useRef(0)
  const isAsking = useRef(false)
  const asked = JSON.stringify(query)
  const ask = useCallback(
    async (limit: number, after?: string) => {
      const mine = ++round.current
      isAsking.current = true
      try {
        const page = await call('machines', {
          query: { ...(JSON.parse(asked) as MachineQuery), limit, ...(after === undefined ? {} : { after }) },
        })
        if (mine !== round.current) return
        setProblem(undefined)
        setFound((before) => ({
          total: page.total,
          isTotalAtLeast: page.isTotalAtLeast ?? false,
          isMore: page.isMore ?? false,
          items: after === undefined ? page.items : [...(before?.items ?? []), ...page.items],
          next: page.next,
        }))
      } catch (error) {
        if (mine === round.current) setProblem(sayWhy(error))
      }
      if (mine !== round.current) return
      isAsking.current = false
      setLooking(false)
    },
    [asked],
  )
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    const look = async (limit: number) => {
      const begun = performance.now()
      await ask(limit)
      later(Math.max(ROUND_MS, ROUND_PER_ANSWER * (performance.now() - begun)))
    }
    const later = (afterMs: number) => {
      clearTimeout(timer)
      if (!isOver) timer = setTimeout(again, afterMs)
    }
    const again = () => {
      const rows = shown.current?.items.length ?? 0
      // Who loads more is not kept from it.
      if (document.visibilityState !== 'visible' || isAsking.current || rows > MOST) return later(ROUND_MS)
      look(Math.max(PAGE, rows))
    }
    setLooking(true)
    look(PAGE)
    document.addEventListener('visibilitychange', again)
    return () => {
      isOver = true
      round.current++
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', again)
    }
  }, [ask])
  const reload = useCallback(() => {
    ask(PAGE)
  }, [ask])
  useSessionBegun(reload)
  const more = useCallback(() => {
    if (shown.current?.next === undefined) return
    setLooking(true)
    ask(PAGE, shown.current.next)
  }, [ask])
  return { found, isLooking, problem, more, reload }
}
