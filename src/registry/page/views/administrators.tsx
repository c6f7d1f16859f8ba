import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ROLES, type Role } from '../../../core/values/roles.ts'
import type { MadeAdministrator, NewAdministrator, Session } from '../../api/schemas/access.ts'
import { call } from '../api.ts'
import { Asking } from '../parts/asking.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Copyable } from '../parts/copyable.tsx'
import { Field, valuesOf } from '../parts/field.tsx'
import { Moment } from '../parts/moment.tsx'
import { Problem } from '../parts/problem.tsx'
import { ROLE_HINT, ROLE_WORDS } from '../parts/role-words.ts'
import { ShownOnce } from '../parts/shown-once.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { useFresh } from '../parts/use-fresh.ts'

const askAdministrators = () => call('administrators')

/** What is to be done, once it is confirmed. */
type Plan =
  | { readonly kind: 'add'; readonly wanted: NewAdministrator }
  | { readonly kind: 'role'; readonly name: string; readonly role: Role }
  | { readonly kind: 'password' | 'disable' | 'enable' | 'remove' | 'end sessions'; readonly name: string }

/** Who may sign in, with which role, and who is signed in. */
export function AdministratorsView({ session }: { readonly session: Session }): JSX.Element {
  const asked = useAnswer(askAdministrators)
  const { answer, problem, again } = asked
  // Others sign in, or are changed by another administrator.
  useFresh(again)
  const [planned, plan] = useState<Plan>()
  const [made, setMade] = useState<MadeAdministrator>()
  const submit = (event: SubmitEvent) => {
    const values = valuesOf(event)
    const password = values.get('password') ?? ''
    plan({
      kind: 'add',
      wanted: {
        name: values.get('name') ?? '',
        role: roleOf(values.get('role')),
        ...(password === '' ? {} : { password }),
      },
    })
  }
  return (
    <>
      <h1>Administrators</h1>
      <Problem what={problem} />
      <form class="card grid" onSubmit={submit}>
        <h2>Add one</h2>
        <Field label="Name">
          <input
            name="name"
            maxLength={64}
            pattern="[A-Za-z0-9][A-Za-z0-9._@\-]*"
            title="letters and digits; behind the first one also . _ @ -"
            required
            autocomplete="off"
          />
        </Field>
        <Field label="Role" hint={ROLE_HINT}>
          <RoleSelect value="look" />
        </Field>
        <Field label="Password" hint="Without one, one is made up, and shown once">
          <input
            name="password"
            type="password"
            minLength={12}
            maxLength={1_024}
            autocomplete="new-password"
          />
        </Field>
        <button type="submit" class="primary">
          Add…
        </button>
      </form>
      {made?.password !== undefined && (
        <ShownOnce
          key={made.password}
          label={`Password of ${made.name}`}
          heading={`Password of ${made.name}, shown once`}
          close={() => setMade(undefined)}
        >
          <Copyable text={made.password} what="the password" />
        </ShownOnce>
      )}
      <Asking asked={asked} />
      <ul class="cards">
        {answer?.items.map(({ name, role, isDisabled, passwordSetAt, sessions }) => (
          <li key={name} class="card person">
            <div>
              <strong>{name}</strong>
              {name === session.name && session.by !== 'openid' && ' (you)'}
              <p>
                {isDisabled && <span class="bad">disabled, </span>}
                {role}, {sessionsText(sessions)}, password of <Moment at={passwordSetAt} />
              </p>
            </div>
            <form
              class="bar"
              onSubmit={(event) => plan({ kind: 'role', name, role: roleOf(valuesOf(event).get('role')) })}
            >
              {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is what it contains */}
              <label>
                <span>
                  Role<span class="hidden"> of {name}</span>
                </span>
                <RoleSelect value={role} />
              </label>
              <button type="submit">Change role…</button>
            </form>
            <div class="buttons">
              {sessions > 0 && <EndSessions name={name} plan={plan} />}
              {/* Who signs himself out would not see what is shown once. */}
              {name !== session.name && (
                <button type="button" onClick={() => plan({ kind: 'password', name })}>
                  New password…
                </button>
              )}
              <button type="button" onClick={() => plan({ kind: isDisabled ? 'enable' : 'disable', name })}>
                {isDisabled ? 'Enable…' : 'Disable…'}
              </button>
              <button type="button" class="danger" onClick={() => plan({ kind: 'remove', name })}>
                Remove…
              </button>
            </div>
          </li>
        ))}
        {answer?.elsewhere.map(({ name, sessions }) => (
          <li key={name} class="card person">
            <div>
              <strong>{name}</strong>
              <p>from the provider, {sessionsText(sessions)}</p>
            </div>
            <div class="buttons">
              <EndSessions name={name} plan={plan} />
            </div>
          </li>
        ))}
      </ul>
      {planned !== undefined && (
        <ConfirmPlan
          planned={planned}
          isOwn={planned.kind !== 'add' && planned.name === session.name}
          added={setMade}
          close={() => {
            plan(undefined)
            again()
          }}
        />
      )}
    </>
  )
}

const roleOf = (text: string | undefined): Role => ROLES.find((role) => role === text) ?? 'look'

const sessionsText = (count: number): string =>
  count === 0 ? 'not signed in' : `${count} ${count === 1 ? 'session' : 'sessions'}`

function RoleSelect({ value }: { readonly value: Role }): JSX.Element {
  return (
    <select name="role" defaultValue={value}>
      {ROLES.map((one) => (
        <option key={one} selected={one === value}>
          {one}
        </option>
      ))}
    </select>
  )
}

function EndSessions({
  name,
  plan,
}: {
  readonly name: string
  readonly plan: (plan: Plan) => void
}): JSX.Element {
  return (
    <button type="button" onClick={() => plan({ kind: 'end sessions', name })}>
      End sessions…
    </button>
  )
}

interface Confirmation {
  readonly title: string
  readonly verb: string
  readonly says: string
  readonly done: string
  readonly danger?: boolean
  readonly act: () => Promise<unknown>
}

function ConfirmPlan({
  planned,
  isOwn,
  added,
  close,
}: {
  readonly planned: Plan
  /** Whoever asks for it is the one that it is done to. */
  readonly isOwn: boolean
  readonly added: (made: MadeAdministrator) => void
  readonly close: () => void
}): JSX.Element {
  const { says, ...rest } = confirmationOf(planned, added)
  return (
    <Confirm {...rest} close={close}>
      {isOwn && <p class="warn">This is you: you are signed out by it.</p>}
      <p>{says}</p>
    </Confirm>
  )
}

function confirmationOf(planned: Plan, added: (made: MadeAdministrator) => void): Confirmation {
  switch (planned.kind) {
    case 'add': {
      const { wanted } = planned
      return {
        title: `Add ${wanted.name}?`,
        verb: 'Add',
        says: `Whoever has the password may ${ROLE_WORDS[wanted.role]}.`,
        done: `${wanted.name} is added.`,
        act: async () => added(await call('addAdministrator', { body: wanted })),
      }
    }
    case 'role': {
      const { name, role } = planned
      return {
        title: `Change the role of ${name}?`,
        verb: 'Change',
        says: `${name} may ${ROLE_WORDS[role]}, and has to sign in again.`,
        done: `The role of ${name} is ${role}.`,
        act: () => call('changeAdministrator', { params: { name }, body: { role } }),
      }
    }
    case 'password': {
      const { name } = planned
      return {
        title: `Make a new password for ${name}?`,
        verb: 'Make',
        says: `It is shown once. The password that ${name} has now is refused from then on, and all browsers of ${name} are signed out.`,
        done: `${name} has a new password.`,
        act: async () => added(await call('setPassword', { params: { name }, body: {} })),
      }
    }
    case 'disable':
    case 'enable': {
      const { kind, name } = planned
      const isDisabled = kind === 'disable'
      return {
        title: `${isDisabled ? 'Disable' : 'Enable'} ${name}?`,
        verb: isDisabled ? 'Disable' : 'Enable',
        danger: isDisabled,
        done: `${name} is ${isDisabled ? 'disabled' : 'enabled'}.`,
        says: isDisabled
          ? `${name} is signed out, and cannot sign in until enabled again. Tokens that ${name} has made stay: delete them there.`
          : `${name} may sign in again.`,
        act: () => call('changeAdministrator', { params: { name }, body: { isDisabled } }),
      }
    }
    case 'remove': {
      const { name } = planned
      return {
        title: `Remove ${name}?`,
        verb: 'Remove',
        danger: true,
        done: `${name} is removed.`,
        says: `${name} is signed out, and cannot sign in any more. Tokens that ${name} has made stay: delete them there.`,
        act: () => call('removeAdministrator', { params: { name } }),
      }
    }
    case 'end sessions': {
      const { name } = planned
      return {
        title: `End the sessions of ${name}?`,
        verb: 'End',
        danger: true,
        done: `The sessions of ${name} are ended.`,
        says: `All browsers of ${name} are signed out. Who may still sign in can do so again.`,
        act: () => call('endSessions', { body: { name } }),
      }
    }
  }
}
