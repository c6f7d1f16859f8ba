const grouped = new Intl.NumberFormat('en')

/** `100,000` */
export const numberText = (number: number): string => grouped.format(number)

/** `1 machine`, `2 machines` */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${numberText(count)} ${count === 1 ? one : many}`
