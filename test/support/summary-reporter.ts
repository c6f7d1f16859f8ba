import type { Reporter, TestModule } from 'vitest/node'

/**
 * Ends the output with one line that a script can read: `N passed, N failed, N skipped`. Before it, names the tests
 * that passed only when they were tried again, and what the first try failed of: those are to be looked at.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    const unsteady: string[] = []
    for (const module of modules) {
      if (module.errors().length > 0) count.failed += 1
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1
        if (!test.diagnostic()?.flaky) continue
        const [first] = test.result().errors ?? []
        unsteady.push(`${test.fullName}: ${first?.message.split('\n', 1)[0] ?? 'it does not say why'}`)
      }
    }
    // After the default reporter has printed its own summary.
    process.once('exit', () => {
      for (const name of unsteady) console.log(`passed only when tried again: ${name}`)
      console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped + count.pending} skipped`)
    })
  }
}
