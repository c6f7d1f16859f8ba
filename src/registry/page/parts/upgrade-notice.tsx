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

/** Whether something was written into a form of the page, or is there that cannot be shown again. */
function hasUnsent(): boolean {
  const written = document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>(
    'form.card :is(input, textarea)',
  )
  return document.querySelector('.once') !== null || [...written].some(isChanged)
}

const isChanged = (field: HTMLInputElement | HTMLTextAreaElement): boolean =>
  field instanceof HTMLInputElement && field.type === 'checkbox'
    ? field.checked !== field.defaultChecked
    : field.value !== field.defaultValue
