import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ROLES } from '../../../core/values/roles.ts'
import type { BearerToken, NewBearerToken } from '../../api/schemas/access.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Copyable } from '../parts/copyable.tsx'
import { Field, NumberField, valuesOf } from '../parts/field.tsx'
import { Moment } from '../parts/moment.tsx'
import { Problem } from '../parts/problem.tsx'
import { ROLE_HINT, ROLE_WORDS } from '../parts/role-words.ts'
import { ShownOnce } from '../parts/shown-once.tsx'
import { daysFromNow } from '../parts/time.ts'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

const askTokens = () => call('bearerTokens')

/** Bearer tokens of programs. */
export function TokensView(): JSX.Element {
  const asked = useAnswer(askTokens)
  const { answer, problem, again } = asked
  // Another administrator makes or deletes some, and programs use them.
  useFresh(again)
  const [planned, plan] = useState<NewBearerToken>()
  const [deleting, setDeleting] = useState<BearerToken>()
  const [secret, setSecret] = useState<string>()
  const submit = (event: SubmitEvent) => {
    const values = valuesOf(event)
    plan({
      label: values.get('label') ?? '',
      scope: ROLES.find((scope) => scope === values.get('scope')) ?? 'look',
      end: daysFromNow(Number(values.get('days'))),
    })
  }
  return (
    <>
      <h1>Tokens of programs</h1>
      <Problem what={problem} />
      <form class="card grid" onSubmit={submit}>
        <h2>Make one</h2>
        <Field label="What for">
          <input name="label" maxLength={100} required />
        </Field>
        <Field label="May" hint={ROLE_HINT}>
          <select name="scope">
            {ROLES.map((scope) => (
              <option key={scope}>{scope}</option>
            ))}
          </select>
        </Field>
        <NumberField label="Days" name="days" min={1} max={365} value={90} />
        <button type="submit" class="primary">
          Make…
        </button>
      </form>
      {secret !== undefined && (
        <ShownOnce
          key={secret}
          label="New token"
          heading="The token, shown once"
          close={() => setSecret(undefined)}
        >
          <Copyable text={secret} what="the token" />
          <p class="notice">
            Programs send it as <code>Authorization: Bearer …</code>
          </p>
        </ShownOnce>
      )}
      <Asking asked={asked} />
      {answer?.items.length === 0 && <p class="notice">No program has a token.</p>}
      <ul class="cards">
        {answer?.items.map((token) => (
          <li key={token.id} class="card">
            <strong>{token.label}</strong>
            <p>
              may {ROLE_WORDS[token.scope]}; until <Moment at={token.end} />; made by {token.madeBy};{' '}
              {token.usedAt === undefined ? (
                'not used yet'
              ) : (
                <>
                  last used <Moment at={token.usedAt} />
                </>
              )}
            </p>
            <button type="button" class="danger" onClick={() => setDeleting(token)}>
              Delete…
            </button>
          </li>
        ))}
      </ul>
      {planned !== undefined && (
        <Confirm
          title={`Make a token for ${planned.label}?`}
          verb="Make"
          done={`The token for ${planned.label} is made.`}
          act={async () => setSecret((await call('makeBearerToken', { body: planned })).secret)}
          close={() => {
            plan(undefined)
            again()
          }}
        >
          <p>
            Whoever has it may {ROLE_WORDS[planned.scope]}, until <Moment at={planned.end} />. It is shown
            once.
          </p>
        </Confirm>
      )}
      {deleting !== undefined && (
        <Confirm
          title={`Delete ${deleting.label}?`}
          verb="Delete"
          danger
          done={`The token for ${deleting.label} is deleted.`}
          act={() => call('deleteBearerToken', { params: { id: deleting.id } })}
          close={() => {
            setDeleting(undefined)
            again()
          }}
        >
          <p>Programs that use it are refused from now on. It cannot be brought back.</p>
        </Confirm>
      )}
    </>
  )
}
