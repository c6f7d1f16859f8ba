/** JSON for programs that people look at, too. */
export const jsonText = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`
