/** What whoever sits before the page does: also who only reads moves it. */
const ACTS = ['pointerdown', 'pointermove', 'wheel', 'touchmove', 'keydown'] as const

let isInUse = false

/** From now on, the page knows whether somebody uses it. */
export function noticeUse(): void {
  for (const act of ACTS)
    addEventListener(
      act,
      ({ isTrusted }) => {
        isInUse ||= isTrusted
      },
      { capture: true, passive: true },
    )
}

/** Whether somebody has done something since this was asked last. */
export function takeUse(): boolean {
  const was = isInUse
  isInUse = false
  return was
}
