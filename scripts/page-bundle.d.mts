import type { BuildResult } from 'esbuild'

export function bundlePage(
  entry: string,
  directory: string,
  options?: { sourcemap?: boolean },
): Promise<BuildResult>
