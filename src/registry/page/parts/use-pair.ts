import { useEffect } from 'preact/hooks'
import type { PairState } from '../../api/schemas/standby.ts'
import { call } from '../api.ts'
import { type Asked, useAnswer } from './use-answer.ts'
import { useRounds } from './use-rounds.ts'

const askPair = () => call('pair')

/** How the pair of registries is, asked again and again where there is one. */
export function usePair(): Asked<PairState> {
  const asked = useAnswer(askPair)
  const round = useRounds(asked.answer?.role !== 'alone')
  useEffect(asked.again, [round])
  return asked
}
