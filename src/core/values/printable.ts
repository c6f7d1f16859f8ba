/** Text of others for a terminal or a log: control characters (C0, DEL, C1) would move the cursor, or worse. */
export const printable = (text: string): string =>
  text.replace(
    /\p{Cc}/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
