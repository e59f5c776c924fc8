import nx from '@nx/eslint-plugin';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist', '**/generated', '**/node_modules', '**/.nx', '**/.stack', '**/coverage', '**/test-results'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  { languageOptions: { globals: Object.fromEntries(nodeGlobals().map((name) => [name, 'readonly'])) } },
  {
    files: ['**/*.ts'],
    // Nest's injection reads constructor types at run time, so their imports must stay values; with these the linter knows.
    languageOptions: { parserOptions: { emitDecoratorMetadata: true, experimentalDecorators: true } },
    rules: { 'no-undef': 'off' }, // the compiler knows better
  },
  {
    plugins: { '@nx': nx },
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true, allowEmpty: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@nx/enforce-module-boundaries': [
        'error',
        {
          depConstraints: [
            { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['type:lib', 'type:pure'] },
            { sourceTag: 'type:lib', onlyDependOnLibsWithTags: ['type:lib', 'type:pure'] },
            { sourceTag: 'type:pure', onlyDependOnLibsWithTags: [] },
            { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['type:tool', 'type:lib', 'type:pure'] },
          ],
        },
      ],
    },
  },
  {
    // Tests of libs that need servers of their own (with TLS, say) start them; what the libs are made of stays clear of tools.
    files: ['libs/**/*.int.spec.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          depConstraints: [{ sourceTag: 'type:lib', onlyDependOnLibsWithTags: ['type:lib', 'type:pure', 'type:tool'] }],
        },
      ],
    },
  },
  {
    files: ['tools/**', 'apps/*/src/main.ts'],
    rules: { 'no-console': 'off' }, // commands talk to a person
  },
);

function nodeGlobals() {
  return [
    'process',
    'console',
    'Buffer',
    'URL',
    'fetch',
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'AbortController',
  ];
}
