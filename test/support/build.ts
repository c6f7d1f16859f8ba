import { execFileSync } from 'node:child_process'

/** Before any test: what runs as a program or a thread of its own is built from the present sources. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' })
}
