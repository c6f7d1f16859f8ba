import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary directory with a name that says who made it. */
export const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), 're6st-test-'))
