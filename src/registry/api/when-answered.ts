import type { ServerResponse } from 'node:http'

/** Calls back when an answer was sent, or its client has gone: that may have been before, while the answer was being made. */
export function whenAnswered(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener()
  else response.once('close', listener)
}
