import { defineConfig } from 'vitest/config'

/**
 * `unit` runs anywhere; `network` needs root, /dev/net/tun and the daemons, and runs its files one after another (those in
 * test/network/slow are left out of the usual `npm test`); `long` takes many minutes.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/summary-reporter.ts'],
    globalSetup: './test/support/build.ts',
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        test: {
          name: 'network',
          include: ['test/network/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          // A machine shared with others may stand still for longer than any deadline. Who works on the code wants to know at once.
          retry: process.env['CI'] ? 2 : 0,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
})
