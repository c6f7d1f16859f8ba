// Biome formats and lints; ESLint adds the rules that need types: promises nobody waits for, and unions not exhausted.
import tseslint from 'typescript-eslint'

/** `return void promise` and `() => void promise` are no statements, and so none of no-floating-promises' business. */
const noVoidPromise = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { unheard: 'Nobody hears its rejection: inBackground does' },
  },
  create(context) {
    return {
      'UnaryExpression[operator="void"]'(node) {
        const type = context.sourceCode.parserServices.getTypeAtLocation(node.argument)
        const parts = type.isUnion() ? type.types : [type]
        if (parts.some((part) => part.getProperty('then') !== undefined))
          context.report({ node, messageId: 'unheard' })
      },
    }
  },
}

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'node_modules/',
      'demo/page/',
      'src/registry/page/',
      'scripts/',
      '*.mjs',
      'vitest.config.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    // In a daemon, a rejection that nobody hears is its end: `void` hears nothing, `inBackground` does.
    files: ['src/**/*.ts'],
    plugins: { re6stnet: { rules: { 'no-void-promise': noVoidPromise } } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      're6stnet/no-void-promise': 'error',
    },
  },
)
