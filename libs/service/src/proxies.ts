import { isIP, isIPv4 } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';
import { compile } from '@fastify/proxy-addr';
import type { FastifyInstance } from 'fastify';
import { parse as parseForwarded } from 'forwarded-parse';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { BadRequest } from './errors.ts';

/** Says of an address whether it is that of a proxy of ours. */
export type Trust = (address: string, hop: number) => boolean;

/** Which headers proxies speak by. The others are never looked at: a proxy that does not write them hands on what a client wrote. */
export type ProxyHeaders = 'x-forwarded' | 'forwarded';

/** What stands before an app; spread into its settings by `commonSettings`. */
export const proxySettings = {
  TRUSTED_PROXIES: z
    .string()
    .refine(
      (text) => trustOf(text) !== undefined,
      'must be addresses and networks with commas between, such as 10.0.0.0/8,::1',
    )
    .optional()
    .describe(
      'addresses and networks of the proxies that are believed what they say of a request; nobody is unless given',
    ),
  PROXY_HEADERS: z
    .enum(['x-forwarded', 'forwarded'])
    .default('x-forwarded')
    .describe('whether they say it by X-Forwarded-For, -Host and -Proto, or by Forwarded (RFC 7239)'),
} as const;

/** Whom a setting like `10.0.0.0/8,::1` trusts; undefined when it cannot be read. */
export function trustOf(text: string): Trust | undefined {
  try {
    return compile(text.split(',').map((each) => each.trim()));
  } catch {
    return undefined;
  }
}

const OWN_IPV6_BYTES = 8;

/**
 * What of an address is to be counted by: an IPv4 address, also one in the form of IPv6, is one client; of IPv6 whoever has one
 * address has the 2^64 of its network (RFC 6177). A text that is no address counts for itself.
 */
export function networkOf(address: string): string {
  if (isIPv4(address)) return address;
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  const bytes = parsed.toByteArray().map((byte, index) => (index < OWN_IPV6_BYTES ? byte : 0));
  return `${ipaddr.fromByteArray(bytes).toString()}/64`;
}

const SAID_BY_PROXIES = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'] as const;

/**
 * Leaves of what came about a request's origin only what a trusted proxy said, in the form that Fastify's `ip`, `host` and `protocol` read.
 * Runs before everything else, so that nothing in an app ever sees what a stranger wrote into these headers.
 */
export function heedProxies(fastify: FastifyInstance, trust: Trust | undefined, family: ProxyHeaders): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers, socket, rawHeaders, httpVersion } = request.raw;
    const hosts = countHosts(rawHeaders);
    if (hosts > 1) return done(new BadRequest('request has an error: it has more than one Host; send one'));
    if (hosts === 0 && httpVersion !== '1.0')
      return done(new BadRequest('request has an error: it has no Host; send one'));
    if (SAID_BY_PROXIES.some((name) => headers[name] !== undefined)) {
      const origin = trust && trust(socket.remoteAddress ?? '', 0) ? originOf(headers, trust, family) : {};
      for (const name of SAID_BY_PROXIES) Reflect.deleteProperty(headers, name);
      Object.assign(headers, origin);
    }
    done();
  });
}

/** RFC 9112, section 3.2: what stands before us may have gone by the other one. Node takes the first and says nothing. */
function countHosts(names: readonly string[]): number {
  let hosts = 0;
  for (let i = 0; i < names.length; i += 2)
    if (names[i]?.length === 4 && names[i]?.toLowerCase() === 'host') hosts += 1;
  return hosts;
}

/** What the headers of a trusted peer say, cleaned of what is no address, host or scheme. */
export function originOf(headers: IncomingHttpHeaders, trust: Trust, family: ProxyHeaders): IncomingHttpHeaders {
  return family === 'forwarded' ? ofForwarded(headers.forwarded, trust) : ofXForwarded(headers);
}

/** The client behind a trusted peer, by the headers of its request: the nearest address that is no proxy of ours. */
export function clientBehind(peer: string, headers: IncomingHttpHeaders, trust: Trust, family: ProxyHeaders): string {
  const nodes = valuesOf(originOf(headers, trust, family)['x-forwarded-for']).reverse();
  return nodes.find((address, hop) => !trust(address, hop + 1)) ?? nodes.at(-1) ?? peer;
}

function ofXForwarded(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const [host, proto] = [lastOf(headers['x-forwarded-host']), lastOf(headers['x-forwarded-proto'])];
  return origin(valuesOf(headers['x-forwarded-for']), host, proto);
}

/** RFC 7239, section 4: each proxy appends an element on whom it was asked by, and how; the outermost one of ours tells what the client asked for. */
function ofForwarded(header: string | undefined, trust: Trust): IncomingHttpHeaders {
  const elements = elementsOf(header).reverse();
  const theirs = elements.findIndex(({ for: node = '' }, hop) => !trust(addressIn(node) ?? '', hop + 1));
  const ours = theirs === -1 ? elements : elements.slice(0, theirs + 1); // the last one of them tells of the client
  const said = (name: string) => ours.findLast((element) => element[name] !== undefined)?.[name];
  return origin(ours.map((element) => element['for'] ?? '').reverse(), said('host'), said('proto'));
}

function elementsOf(header = ''): Record<string, string>[] {
  try {
    return parseForwarded(header);
  } catch {
    return []; // what cannot be read says nothing
  }
}

function origin(nodes: readonly string[], host?: string, proto?: string): IncomingHttpHeaders {
  const addresses = nodes.map(addressIn);
  // An obscured address (`unknown`, `_hidden`) ends the chain: what lies behind it nobody vouches for.
  const known = addresses.slice(addresses.lastIndexOf(undefined) + 1);
  const scheme = proto?.toLowerCase();
  return {
    ...(known.length > 0 && { 'x-forwarded-for': known.join(', ') }),
    ...(host !== undefined && host !== '' && { 'x-forwarded-host': host }),
    ...((scheme === 'http' || scheme === 'https') && { 'x-forwarded-proto': scheme }),
  };
}

/** The address in `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1` or `[2001:db8::1]:4711`; undefined when there is none. */
function addressIn(node: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::\d{1,5})?$/i.exec(node) ?? [];
  const address = bracketed ?? plain ?? node;
  return isIP(address) === 0 ? undefined : address;
}

const valuesOf = (header: string | string[] | undefined): string[] => {
  const text = String(header ?? '').trim();
  return text === '' ? [] : text.split(',').map((each) => each.trim());
};
const lastOf = (header: string | string[] | undefined): string | undefined => valuesOf(header).at(-1);
