/** For the tests: starts the servers named in the arguments, says where they are, and stays. */
import { startServers, type ServerName } from '../src/index.ts';

const servers = await startServers({ only: process.argv.slice(2) as ServerName[] });
const pids = servers.all.map(({ pid }) => pid);
process.stdout.write(`${JSON.stringify({ pids, env: servers.env, data: servers.run.data })}\n`);
setInterval(() => {}, 1000);
