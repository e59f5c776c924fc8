import createClient, { type Client, type ClientOptions } from 'openapi-fetch';
import type { paths as AccountPaths } from './generated/account.ts';
import type { paths as ClinicPaths } from './generated/clinic.ts';
import type { paths as DirectoryPaths } from './generated/directory.ts';
import type { paths as GatekeeperPaths } from './generated/gatekeeper.ts';

export type ClinicClient = Client<ClinicPaths>;
export type AccountClient = Client<AccountPaths>;
export type GatekeeperClient = Client<GatekeeperPaths>;
export type DirectoryClient = Client<DirectoryPaths>;

export interface CallerOptions {
  /** Where the app listens, for example `https://api.au1.caregate.example`. */
  readonly baseUrl: string;
  /** A session token. */
  readonly token?: string;
  /** An API key of an account; not together with a token. */
  readonly apiKey?: string;
  /** The secret by which the directory and the shards know each other, or an operator's token. */
  readonly bearer?: string;
  /** More headers for every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the global `fetch`. */
  readonly fetch?: ClientOptions['fetch'];
}

/** A typed client of the clinic API: `client.GET('/v1/clinics/{clinicId}', { params: { path: { clinicId } } })`. */
export function createClinicClient(options: CallerOptions): ClinicClient {
  return createClient<ClinicPaths>(clientOptions(options));
}

/** A typed client of the account API, which the clinic API answers. */
export function createAccountClient(options: CallerOptions): AccountClient {
  return createClient<AccountPaths>(clientOptions(options));
}

/** A typed client of the gatekeeper. */
export function createGatekeeperClient(options: CallerOptions): GatekeeperClient {
  return createClient<GatekeeperPaths>(clientOptions(options));
}

/** A typed client of the directory. */
export function createDirectoryClient(options: CallerOptions): DirectoryClient {
  return createClient<DirectoryPaths>(clientOptions(options));
}

function clientOptions({ baseUrl, headers, fetch, ...caller }: CallerOptions): ClientOptions {
  return {
    baseUrl,
    headers: { ...callerHeaders(caller), ...headers },
    ...(fetch && { fetch }),
    // The contracts write an array in the query as one value with commas.
    querySerializer: { array: { style: 'form', explode: false } },
  };
}

function callerHeaders({ token, apiKey, bearer }: Pick<CallerOptions, 'token' | 'apiKey' | 'bearer'>) {
  return {
    ...(token !== undefined && { 'x-tidepool-session-token': token }),
    ...(apiKey !== undefined && { authorization: `Basic ${btoa(`${apiKey}:`)}` }),
    ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
  };
}
