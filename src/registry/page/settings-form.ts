import type { NetworkSettings, NetworkSettingsChange } from '../api/schemas/configuration.ts'

type Setting = keyof NetworkSettings

/** What is written into the fields of the form. */
export type SettingsTexts = Readonly<Record<Setting, string>>

/** The form, and what it was written about. */
export interface SettingsForm {
  /** As the configuration is, as far as the page knows. */
  readonly settings: NetworkSettings
  readonly texts: SettingsTexts
  /** What was changed elsewhere since it was begun, and what it was before. */
  readonly elsewhere: readonly ChangedElsewhere[]
}

/** A setting that was changed elsewhere while the form was open. */
export interface ChangedElsewhere {
  readonly setting: Setting
  /** As JSON. */
  readonly before: string
  /** Something else was written for it here: it is to be decided which counts. */
  readonly isUndecided: boolean
}

/** A form about what is. */
export const newForm = (settings: NetworkSettings): SettingsForm => ({
  ...{ settings, texts: textsOf(settings), elsewhere: [] },
})

/** What was written into the form, if it differs from what is. */
export function changeOf({
  settings,
  texts,
}: Pick<SettingsForm, 'settings' | 'texts'>): NetworkSettingsChange {
  const wanted = settingsOf(texts)
  return Object.fromEntries(
    Object.entries(wanted).filter(([name, value]) => !isSame(value, settings[name as Setting])),
  )
}

/**
 * The configuration is another now. What was written stays; fields into which nothing was written have what is. Of what was changed
 * elsewhere, too, it is to be decided.
 */
export function followed(form: SettingsForm, settings: NetworkSettings): SettingsForm {
  const written = settingsOf(form.texts)
  const present = textsOf(settings)
  const texts: Record<Setting, string> = { ...form.texts }
  const elsewhere: ChangedElsewhere[] = []
  for (const setting of Object.keys(texts) as Setting[]) {
    const earlier = form.elsewhere.find((one) => one.setting === setting)
    const isWritten = !isSame(written[setting], form.settings[setting])
    // What was done here is no surprise.
    const isWanted = isSame(written[setting], settings[setting])
    if (isSame(form.settings[setting], settings[setting])) {
      if (earlier) elsewhere.push(earlier)
    } else if (!isWanted) {
      if (!isWritten) texts[setting] = present[setting]
      const before = earlier?.before ?? JSON.stringify(form.settings[setting])
      elsewhere.push({ setting, before, isUndecided: isWritten })
    }
  }
  return { settings, texts, elsewhere }
}

/** It is decided what counts: what was written, or what is. */
export function decided(form: SettingsForm, setting: Setting, isWritten: boolean): SettingsForm {
  return {
    ...form,
    texts: isWritten ? form.texts : { ...form.texts, [setting]: textsOf(form.settings)[setting] },
    elsewhere: form.elsewhere.map((one) => (one.setting === setting ? { ...one, isUndecided: false } : one)),
  }
}

/** Of what it is to be decided still: who writes what is there now has decided that. */
export function undecidedOf({ settings, texts, elsewhere }: SettingsForm): readonly Setting[] {
  const written = settingsOf(texts)
  return elsewhere
    .filter(({ setting, isUndecided }) => isUndecided && !isSame(written[setting], settings[setting]))
    .map(({ setting }) => setting)
}

/** What was changed elsewhere between two of a form, whether it was told of before or not. */
export const newsOf = (before: SettingsForm, { settings, elsewhere }: SettingsForm): readonly Setting[] =>
  elsewhere
    .map(({ setting }) => setting)
    .filter((setting) => !isSame(before.settings[setting], settings[setting]))

/** Settings as the form has them. */
export function textsOf(settings: NetworkSettings): SettingsTexts {
  const { ipv4 } = settings
  return {
    hello: String(settings.hello),
    clientCount: String(settings.clientCount),
    maxClients: String(settings.maxClients),
    tunnelRefresh: String(settings.tunnelRefresh),
    encrypt: settings.encrypt ? 'on' : '',
    sameCountry: settings.sameCountry.join(' '),
    minProtocol: String(settings.minProtocol),
    ipv4: ipv4 === null ? '' : `${ipv4.range}, ${ipv4.subnetBits}`,
  }
}

/** Settings as they were written into the form. */
export function settingsOf(texts: SettingsTexts): NetworkSettings {
  const [range = '', bits = ''] = texts.ipv4.split(',').map((part) => part.trim())
  return {
    hello: Number(texts.hello),
    clientCount: Number(texts.clientCount),
    maxClients: Number(texts.maxClients),
    tunnelRefresh: Number(texts.tunnelRefresh),
    encrypt: texts.encrypt !== '',
    sameCountry: texts.sameCountry
      .toUpperCase()
      .split(/[\s,]+/)
      .filter((code) => code !== ''),
    minProtocol: Number(texts.minProtocol),
    ipv4: range === '' ? null : { range, subnetBits: Number(bits) },
  }
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)
