import type { BuildResult } from 'esbuild'

export function bundlePage(
  entry: string,
  directory: string,
  options?: { write?: boolean; sourcemap?: boolean },
): Promise<BuildResult>
