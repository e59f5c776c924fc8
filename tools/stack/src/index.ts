export { startApp, type App, type StartAppOptions } from './apps/app.ts';
export { startShards, type AppName, type Platform, type Shard, type StartShardsOptions } from './apps/platform.ts';
export { type Region, type ShardEntry, type ShardsFile } from './apps/shards-file.ts';
export { StackError } from './errors.ts';
export type { Log } from './log.ts';
export { freePort } from './process/ports.ts';
export { type Server, type ServerName } from './servers/server.ts';
export { startServers, type Servers, type StartServersOptions } from './servers/start-servers.ts';
export { versions } from './versions.ts';
