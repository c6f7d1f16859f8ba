import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openStore } from '../../src/registry/database/open-store.ts'
import { POSTGRES_PROGRAMS, TestPostgres } from './postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the server that the tests of the project `postgres` share. */
    postgresPort: number
  }
}

/**
 * For two workers, each with a registry or three, and who looks into their databases. None of it has to survive a power cut:
 * to wait for the disk at each database that is made and dropped takes longer than most tests.
 */
const SETTINGS = ['max_connections=300', 'shared_buffers=64MB', 'fsync=off', 'full_page_writes=off']

/** Has our tables already: to make them takes longer than most tests. */
const TEMPLATE = 'template_re6st'

const urlOf = (port: number, name: string) => `postgres://re6st@127.0.0.1:${port}/${name}`

/** Before the tests of the project `postgres`: starts a server for all of them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (POSTGRES_PROGRAMS === undefined)
    throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  const server = await TestPostgres.start(SETTINGS)
  await administer(server.port, `CREATE DATABASE ${TEMPLATE}`)
  await (await openStore(urlOf(server.port, TEMPLATE)))[Symbol.asyncDispose]()
  project.provide('postgresPort', server.port)
  return () => server[Symbol.asyncDispose]()
}

/** Makes a database with our tables, unless it is to be bare, and nothing in them, in a server that was started above. */
export async function makePostgresDatabase(
  port: number,
  { isBare }: { readonly isBare: boolean },
): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administer(
    port,
    `CREATE DATABASE ${name} TEMPLATE ${isBare ? 'template1' : TEMPLATE} STRATEGY file_copy`,
  )
  return { url: urlOf(port, name), drop: () => administer(port, `DROP DATABASE ${name} WITH (FORCE)`) }
}

async function administer(port: number, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(port, 'postgres') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
