import type { Store } from '../src/registry/database/store.ts'

/*
 * As many certificates as are wanted, without asking a registry for each: all have the text of one that was given, only
 * their number counts. They are in the upper half of the network, which is free as long as few are given.
 */

/** Bits of a prefix that is given without a token, in what is measured. */
const LENGTH = 32
const LAST = LENGTH - 2

/** Fills the database of a registry that does not run. @throws Error when its upper half is not free */
export async function fill(store: Store, count: number): Promise<void> {
  if (count === 0) return
  const prefix = `'1'${Array.from({ length: LAST + 1 }, (_, bit) => ` || ((n >> ${LAST - bit}) & 1)`).join('')}`
  const email = "n || '@example.com'"
  await store.write(async (writable) => {
    const insert = (into: string, columns: string, ...parameters: (string | number)[]) =>
      writable.run(
        `WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count - 1}) INSERT INTO ${into} SELECT ${columns} FROM numbers`,
        ...parameters,
      )
    if ((await writable.run("DELETE FROM cert WHERE prefix = '1' AND cert IS NULL")) !== 1)
      throw new Error('the upper half of the network is not free')
    const [sample] = await writable.all<{ cert: string; not_after: number }>(
      'SELECT cert.cert, holder.not_after FROM cert JOIN holder ON holder.prefix = cert.prefix ORDER BY cert.prefix LIMIT 1',
    )
    const [gap] = await writable.all<{ first: number }>('SELECT max(first) AS first FROM subject_serial_gap')
    if (!sample || !gap) throw new Error('the registry has given no certificate')
    const serial = Number(await writable.config('serial')) + 1
    const { cert, not_after: end } = sample
    await insert('cert (prefix, email, cert)', `${prefix}, ${email}, CAST(? AS TEXT)`, cert)
    await insert(
      'holder (prefix, email, serial, subject_serial, not_after)',
      `${prefix}, ${email}, ${serial} + n, ${gap.first} + n, ${end}`,
    )
    await insert('issued (serial, prefix, date)', `${serial} + n, ${prefix}, ${end}`)
    for (const free of freeAfter(count))
      await writable.setCertificate({ prefix: free, email: null, cert: null })
    await writable.run(`UPDATE subject_serial_gap SET first = first + ${count} WHERE first = ${gap.first}`)
    await writable.setConfig('serial', serial + count - 1)
    // It was not another implementation that wrote them.
    await writable.run('DELETE FROM cert_changed')
  })
}

/** What is free of that half behind so many prefixes at its beginning. */
function freeAfter(count: number): string[] {
  const free: string[] = []
  let next = count
  while (next < 2 ** (LENGTH - 1)) {
    const size = next & -next
    free.push(`1${next.toString(2).padStart(LENGTH - 1, '0')}`.slice(0, LENGTH - Math.log2(size)))
    next += size
  }
  return free
}
