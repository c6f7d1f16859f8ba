import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ROLES } from '../../../core/values/roles.ts'
import type { BearerToken, NewBearerToken } from '../../api/schemas/access.ts'
import { call } from '../api.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Copyable } from '../parts/copyable.tsx'
import { Field, NumberField, valuesOf } from '../parts/field.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText, daysFromNow } from '../parts/time.ts'
import { useAnswer } from '../parts/use-answer.ts'

const askTokens = () => call('bearerTokens')

/** Bearer tokens of programs. */
export function TokensView(): JSX.Element {
  const { answer, problem, again } = useAnswer(askTokens)
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
        <Field label="May">
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
        <section class="card" aria-label="New token">
          <h2>Shown once</h2>
          <Copyable text={secret} what="the token" />
        </section>
      )}
      <ul class="cards">
        {answer?.items.map((token) => (
          <li key={token.id} class="card">
            <strong>{token.label}</strong>
            <p>
              may {token.scope}, until {dateOfText(token.end)}, by {token.madeBy}
              {token.usedAt !== undefined && `, last used ${dateOfText(token.usedAt)}`}
            </p>
            <button type="button" class="danger" onClick={() => setDeleting(token)}>
              Delete…
            </button>
          </li>
        ))}
      </ul>
      {planned !== undefined && (
        <Confirm
          title="Make this token?"
          verb="Make"
          act={async () => setSecret((await call('makeBearerToken', { body: planned })).secret)}
          close={() => {
            plan(undefined)
            again()
          }}
        >
          <p>
            Whoever has it may {planned.scope} until {dateOfText(planned.end)}. It is shown once.
          </p>
        </Confirm>
      )}
      {deleting !== undefined && (
        <Confirm
          title={`Delete ${deleting.label}?`}
          verb="Delete"
          danger
          act={() => call('deleteBearerToken', { params: { id: deleting.id } })}
          close={() => {
            setDeleting(undefined)
            again()
          }}
        >
          <p>Programs that use it are refused from now on.</p>
        </Confirm>
      )}
    </>
  )
}
