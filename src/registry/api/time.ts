/** A moment as the API says it. */
export const timeOf = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString()
