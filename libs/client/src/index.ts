export { CaregateClient, type CaregateClientOptions, MovedEvent } from './caregate-client.ts';
