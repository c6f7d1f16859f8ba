import { useEffect, useState } from 'preact/hooks'
import { isOlderRelease } from '../../../core/values/release-version.ts'

/** Of the registry that this page belongs to: put there by the build. */
declare const RE6STNET_VERSION: string

let other: string | undefined
const changes = new EventTarget()

/** The registry says which version it is. @param version the header of an answer; null: it says nothing, or it is a proxy's answer */
export function hearVersion(version: string | null): void {
  // Of several processes that are upgraded one after another, those of before go on answering: that is no news.
  if (version === null || !isOlderRelease(other ?? RE6STNET_VERSION, version)) return
  other = version
  changes.dispatchEvent(new Event('changed'))
}

/** The version of the registry, followed, once it was newer than the one that this page belongs to. */
export function useOtherVersion(): string | undefined {
  const [version, setVersion] = useState(other)
  useEffect(() => {
    const look = () => setVersion(other)
    look()
    changes.addEventListener('changed', look)
    return () => changes.removeEventListener('changed', look)
  }, [])
  return version
}
