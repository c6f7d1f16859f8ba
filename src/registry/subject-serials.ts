import type { Queries } from './database/queries.ts'

/*
 * The subject's serialNumber selects a node's IPv4 subnet, so the smallest free one is given. Kept are the gaps between
 * those in use: to find the first costs the same however many there are.
 */

/** Takes the smallest number that no subject has. */
export async function takeSubjectSerial(writable: Queries): Promise<number> {
  const gap = await writable.firstGap()
  if (!gap) throw new Error('no serial number of a subject is left')
  await writable.deleteGap(gap.first)
  if (gap.first < gap.last) await writable.addGap(gap.first + 1, gap.last)
  return gap.first
}

/** A subject has this number, which another implementation has given. */
export async function takeThisSubjectSerial(writable: Queries, number: number): Promise<void> {
  const gap = await writable.gapAround(number)
  if (!gap || gap.last < number) return
  await writable.deleteGap(gap.first)
  if (gap.first < number) await writable.addGap(gap.first, number - 1)
  if (number < gap.last) await writable.addGap(number + 1, gap.last)
}

/** A subject that had this number is gone. Another implementation may have given the number to several. */
export async function giveSubjectSerial(writable: Queries, number: number): Promise<void> {
  if (await writable.hasSubjectSerial(number)) return
  const gap = await writable.gapAround(number)
  if (!gap || gap.last < number) await writable.addGap(number, number)
}
