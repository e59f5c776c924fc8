import type { Caller } from './contract.ts';
import type { World } from './world.ts';

export const CALLERS = ['service', 'admin', 'key', 'member', 'patient', 'directory', 'nobody'] as const;
export type CallerName = (typeof CALLERS)[number];

/** Each kind of caller, as somebody of the world. */
export function callerOf(name: CallerName, world: World): Caller {
  const session = (token: string): Caller => ({
    name,
    headers: { 'x-tidepool-session-token': token },
    leaveOut: ['SignOut', 'DeleteUser'],
  });
  switch (name) {
    case 'service':
      return session(world.serviceToken);
    case 'key':
      return { name, headers: { authorization: `Basic ${btoa(`${world.apiKey}:`)}` } };
    case 'directory':
      return { name, headers: {}, only: ['accounts', 'moves', 'sessions'] }; // signed on the way: `SigningProxy`
    case 'nobody':
      return { name, headers: {} };
    default:
      return session(world[name].token);
  }
}
