export { StackError } from './errors.ts';
export type { Log } from './log.ts';
export type { Server, ServerName } from './servers/server.ts';
export { startServers, type Servers, type StartServersOptions } from './servers/start-servers.ts';
export { versions } from './versions.ts';
