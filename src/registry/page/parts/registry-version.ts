import { useEffect, useState } from 'preact/hooks'

/** Of the registry that this page belongs to: put there by the build. */
declare const RE6STNET_VERSION: string

let heard = RE6STNET_VERSION
const changes = new EventTarget()

/** The registry says which version it is. @param version the header of an answer; null: it says nothing, or it is a proxy's answer */
export function hearVersion(version: string | null): void {
  if (version === null || version === heard) return
  heard = version
  changes.dispatchEvent(new Event('changed'))
}

/** The version of the registry, followed, where it is another than the one that this page belongs to. */
export function useOtherVersion(): string | undefined {
  const [version, setVersion] = useState(heard)
  useEffect(() => {
    const look = () => setVersion(heard)
    look()
    changes.addEventListener('changed', look)
    return () => changes.removeEventListener('changed', look)
  }, [])
  return version === RE6STNET_VERSION ? undefined : version
}
