// Run by the image of MongoDB with mongosh, as root, when its volume is still empty.
const { usersOf } = require('/docker-entrypoint-initdb.d/roles.cjs');
const { SECRET, SHARDS } = process.env;
for (const user of usersOf(SHARDS.split(','), SECRET)) db.getSiblingDB('admin').createUser(user);
