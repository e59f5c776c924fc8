/**
 * Ends the process with one line when its Node.js is older than `oldest`, such as "22.18.0": it would otherwise fail later, with what nobody understands.
 * Written so that an old one can read it.
 */
export function requireNode(program, oldest) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [leastMajor, leastMinor] = oldest.split('.').map(Number);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  process.stderr.write(
    `${program}: cannot start: this is Node.js ${process.versions.node}, and ${oldest} or newer is needed\n`,
  );
  process.exit(1);
}
