// debian/copyright (machine-readable, version 1.0): ours, and that of each npm package of which something is shipped.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Names that Debian gives licences. */
const DEBIAN_NAMES = { MIT: 'Expat' }

/**
 * @param {readonly string[]} whole npm packages that are shipped as they are; what is bundled is found in dist/
 * @returns {string} the file
 */
export function copyrightOf(whole) {
  const names = [...new Set([...whole, ...bundledPackages()])].sort()
  const texts = new Map()
  const own = readFileSync('LICENSE', 'utf8')
  const stanzas = names.map((name) => {
    const directory = path.join('node_modules', name)
    const { license, author } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'))
    const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|copyrightnotice)/i.test(file))
    const said = files.map((file) => readFileSync(path.join(directory, file), 'utf8')).join('\n')
    // Some say but which licence it is: the terms of that one are always the same.
    const text = said === '' && license === 'MIT' ? own.slice(own.indexOf('Permission')) : said
    if (text === '') throw new Error(`${name} has no licence file: debian/copyright needs its text`)
    const who = author?.name ?? author ?? `the authors of ${name}`
    return stanza({
      files: `node_modules/${name}/*`,
      // Some give but a year.
      holders: holdersOf(text)?.map((holder) => (/\D$/.test(holder) ? holder : `${holder} ${who}`)) ?? [who],
      license: licenseName(texts, license, text),
    })
  })
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: re6stnet\n' +
      'Comment: What is in node_modules is bundled into the programs, or shipped beside them.\n',
    stanza({ files: '*', holders: holdersOf(own), license: licenseName(texts, 'MIT', own) }),
    ...stanzas,
    stanza({
      files: 'node_modules/better-sqlite3/deps/sqlite3/*',
      holders: ['none: its authors have dedicated it to the public domain'],
      license: 'public-domain\n The authors of SQLite disclaim copyright to it, for anybody and any purpose.',
    }),
    ...[...texts].map(([name, text]) => `License: ${name}\n${indented(text)}\n`),
  ].join('\n')
}

/** npm packages of which something is in a bundle: its source map says so. */
function bundledPackages() {
  return readdirSync('dist', { recursive: true })
    .filter((file) => file.endsWith('.js.map'))
    .flatMap((file) => JSON.parse(readFileSync(path.join('dist', file), 'utf8')).sources)
    .flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? [])
}

const stanza = ({ files, holders, license }) =>
  `Files: ${files}\nCopyright: ${holders.join('\n  ')}\nLicense: ${license}\n`

/** Lines like `Copyright (c) 2020 Somebody`; undefined if there is none. */
function holdersOf(text) {
  const lines = text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').split('\n')
  const holders = lines.flatMap(
    (line) =>
      /^[\s*]*(?:portions )?copyright(?: *\(c\)| *©)?[ :]*((?:\d{4}|the ).*?)[\s.]*$/i.exec(line)?.[1] ?? [],
  )
  return holders.length > 0 ? [...new Set(holders)] : undefined
}

/** The name of a licence; texts that differ get names that differ. */
function licenseName(texts, license, text) {
  if (license === 'Apache-2.0') {
    texts.set(license, 'On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.')
    return license
  }
  const ofMit = /Permission is hereby granted.*/s.exec(text)
  const terms = ofMit
    ? ofMit[0].trim()
    : text
        .split('\n')
        .filter((line) => holdersOf(line) === undefined)
        .join('\n')
        .trim()
  const base = DEBIAN_NAMES[license] ?? license
  const normal = (value) => value.replace(/\W+/g, ' ').toLowerCase()
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`
    const known = texts.get(name)
    if (known === undefined) texts.set(name, terms)
    if (known === undefined || normal(known) === normal(terms)) return name
  }
}

/** As a field's text: an empty line is a full stop. */
const indented = (text) =>
  text
    .replaceAll('\t', '    ')
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n')
