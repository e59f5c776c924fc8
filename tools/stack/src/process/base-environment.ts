const inherited = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'];

/**
 * What a server or an app gets of this program's environment. Only this much, so that a PORT or a NODE_OPTIONS of the
 * terminal or of the test runner does not change how it behaves.
 */
export function baseEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    inherited
      .map((name) => [name, env[name]] as const)
      .filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
