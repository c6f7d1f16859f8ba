import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Confirm } from './confirm.tsx'
import { useOtherVersion } from './registry-version.ts'

/** On every view: that the registry was upgraded, and the page that is open is that of before. When it is loaded anew, somebody says. */
export function UpgradeNotice(): JSX.Element {
  const version = useOtherVersion()
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <div class="banner" role="status">
        {version !== undefined && (
          <p>
            The registry has version {version} now, and this page is of another one.{' '}
            <button type="button" onClick={() => (hasUnsent() ? setAsking(true) : location.reload())}>
              Load it anew
            </button>
          </p>
        )}
      </div>
      {isAsking && (
        <Confirm
          title="Load the page anew?"
          verb="Load anew"
          act={async () => location.reload()}
          done="The page is loaded anew."
          close={() => setAsking(false)}
        >
          <p>What is written into a form and was not sent, or is shown only once, is lost.</p>
        </Confirm>
      )}
    </>
  )
}

type Written = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

/** Whether something was written into a form of the page, or chosen there, or is there that cannot be shown again. */
function hasUnsent(): boolean {
  const written = document.querySelectorAll<Written>('form.card :is(input, textarea, select)')
  return document.querySelector('.once') !== null || [...written].some(isChanged)
}

function isChanged(field: Written): boolean {
  if (field instanceof HTMLSelectElement) {
    // What was not said to be chosen at first is the first one.
    const first = [...field.options].findIndex((option) => option.defaultSelected)
    return field.selectedIndex !== Math.max(first, 0)
  }
  return field instanceof HTMLInputElement && field.type === 'checkbox'
    ? field.checked !== field.defaultChecked
    : field.value !== field.defaultValue
}
