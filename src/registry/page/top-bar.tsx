import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Session } from '../api/schemas/access.ts'
import { focusHeading } from './parts/focus-heading.ts'
import { Problem } from './parts/problem.tsx'
import { TITLES, type View, viewsFor } from './view-names.ts'

interface TopBarProps {
  readonly session: Session
  readonly view: View
  readonly signOut: () => void
  /** Why somebody could not be signed out. */
  readonly problem: string | undefined
}

/** Where one can go, and who one is. Where there is no room for all of it, the menu opens by a button. */
export function TopBar({ session: { name, role }, view, signOut, problem }: TopBarProps): JSX.Element {
  const [isOpen, setOpen] = useState(false)
  useEffect(() => setOpen(false), [view])
  useEffect(() => {
    if (!isOpen) return
    const hear = ({ key }: KeyboardEvent) => {
      if (key === 'Escape') setOpen(false)
    }
    addEventListener('keydown', hear)
    return () => removeEventListener('keydown', hear)
  }, [isOpen])
  return (
    <header class="top">
      <button type="button" class="skip" onClick={focusHeading}>
        Skip to the content
      </button>
      <strong class="brand">re6stnet registry</strong>
      <button
        type="button"
        class="menu"
        aria-expanded={isOpen}
        aria-controls="views"
        onClick={() => setOpen(!isOpen)}
      >
        Menu
      </button>
      <nav id="views" aria-label="Views" class={isOpen ? 'open' : ''}>
        {viewsFor(role).map((one) => (
          <a
            key={one}
            href={`#${one}`}
            aria-current={one === view ? 'page' : undefined}
            onClick={() => setOpen(false)}
          >
            {TITLES[one]}
          </a>
        ))}
      </nav>
      <span class="who">
        <span class="name" title={`${name} (${role})`}>
          {name} ({role})
        </span>
        <button type="button" onClick={signOut}>
          Sign out
        </button>
      </span>
      <Problem what={problem} />
    </header>
  )
}
