/**
 * What whoever sits before the page does: also who only reads moves it. Who has it read out, or dictates, presses no key of it and has
 * no pointer: what comes of that are clicks, texts, and another place of the keyboard.
 */
const ACTS = [
  ...(['pointerdown', 'pointermove', 'wheel', 'touchmove', 'keydown'] as const),
  ...(['click', 'input', 'focusin'] as const),
] as const

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
