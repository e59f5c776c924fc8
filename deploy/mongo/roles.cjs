// The database users that docs/operations.md ("Database users") gives the apps: the compose file and the test of them read it here.
// CommonJS, as mongosh requires it.

/** What each app may do, given the names of its databases: roles as createUser takes them. */
const rolesOf = ({ clinic, gatekeeper, directory }) => ({
  'clinic-api': [{ role: 'readWrite', db: clinic }],
  'clinic-worker': [{ role: 'readWrite', db: clinic }],
  // Kafka Connect's connectors use this user, too.
  'gatekeeper-sync': [
    { role: 'readWrite', db: clinic },
    { role: 'dbAdmin', db: clinic },
    { role: 'readWrite', db: gatekeeper },
  ],
  directory: [{ role: 'readWrite', db: directory }],
});

/** All users of a deployment whose shards share one mongod: `<app>-<shard>` and `directory`, with passwords made of the secret. */
function usersOf(shards, secret) {
  const user = (name, roles) => ({ user: name, pwd: `${secret}-mongo-${name}`, roles });
  const { directory } = rolesOf({ directory: 'directory' });
  return [
    user('directory', directory),
    ...shards.flatMap((shard) => {
      const { directory: _, ...apps } = rolesOf({ clinic: `clinic_${shard}`, gatekeeper: `gatekeeper_${shard}` });
      return Object.entries(apps).map(([app, roles]) => user(`${app}-${shard}`, roles));
    }),
  ];
}

module.exports = { rolesOf, usersOf };
