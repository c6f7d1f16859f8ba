// `npm run check:unused`: names the members of classes and interfaces in src/ that no code but tests reads, which knip does
// not look for. What other programs and people read (JSON, an environment) says so: `@public` above it or its type. A member counts as read when code outside of test/ names it: in an access, a destructuring, or as a string that
// may be a key. Values fit a type by the names of their members, so one of an interface is also read through any other
// member of that name; one of a class is, if that other belongs to an interface.
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root)
const program = ts.createProgram(
  fileNames.filter((file) => !file.includes('/test/')),
  options,
)
const checker = program.getTypeChecker()
const sources = program
  .getSourceFiles()
  .filter((source) => !source.isDeclarationFile && !source.fileName.includes('node_modules'))

/** What is called, but by no code: the language's own protocols, and JSON that people read. */
const isReadByNature = (name) => name.startsWith('__@') || name === 'toJSON' || name === 'constructor'

/** @type {Map<ts.Node, { name: string, where: string }>} by declaration */
const members = new Map()
const readDeclarations = new Set()
const readNames = new Set()

function declare(node) {
  if (isForOthers(node)) return
  const symbol = node.name && checker.getSymbolAtLocation(node.name)
  if (symbol === undefined || isReadByNature(symbol.name)) return
  const source = node.getSourceFile()
  const { line } = source.getLineAndCharacterOfPosition(node.name.getStart())
  const name = node.name.getText()
  members.set(node, { name, where: `${source.fileName.slice(root.length)}:${line + 1}` })
}

const isForOthers = (node) =>
  node !== undefined &&
  (ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'public') || isForOthers(node.parent))

function isMemberDeclaration(node) {
  return (
    ts.isPropertySignature(node) ||
    ts.isMethodSignature(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isGetAccessor(node) ||
    ts.isSetAccessor(node)
  )
}

function read(symbol, name) {
  const declarations = symbol?.declarations ?? []
  for (const declaration of declarations) readDeclarations.add(declaration)
  if (!declarations.some(({ parent }) => ts.isClassLike(parent))) readNames.add(name)
}

function visit(node) {
  if (isMemberDeclaration(node) && !ts.isObjectLiteralExpression(node.parent)) declare(node)
  if (ts.isPropertyAccessExpression(node)) read(checker.getSymbolAtLocation(node.name), node.name.text)
  else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
    const name = node.propertyName ?? node.name
    if (ts.isIdentifier(name) || ts.isStringLiteral(name)) {
      const type = checker.getTypeAtLocation(node.parent)
      read(checker.getPropertyOfType(checker.getNonNullableType(type), name.text), name.text)
    }
  } else if (ts.isShorthandPropertyAssignment(node) && isAssigned(node)) read(undefined, node.name.text)
  else if (ts.isStringLiteralLike(node)) readNames.add(node.text)
  ts.forEachChild(node, visit)
}

/** `({ name } = value)` */
function isAssigned(node) {
  const { parent } = node.parent
  return ts.isBinaryExpression(parent) && parent.left === node.parent
}

for (const source of sources) visit(source)
const unused = [...members]
  // The page is a program of its own, for browsers: this one does not read it.
  .filter(([, { where }]) => where.startsWith('src/') && !where.startsWith('src/registry/page/'))
  .filter(([declaration, { name }]) => !readDeclarations.has(declaration) && !readNames.has(name))
  .map(([, { name, where }]) => `${where}  ${name}`)
for (const line of unused) console.error(`no code but tests reads ${line}`)
process.exitCode = unused.length === 0 ? 0 : 1
