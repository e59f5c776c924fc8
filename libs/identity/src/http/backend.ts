import { CaregateError, ServiceUnavailable } from '@caregate/service';
import pRetry from 'p-retry';
import { Agent, request as send } from 'undici';

const TIMEOUT_MS = 3_000;
const RETRY_AFTER_MS = 50;
/** Shorter than servers usually keep an idle connection, so that none is used that is just being closed. */
const IDLE_MS = 4_000;

export interface BackendRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Parts of the path, not yet encoded. */
  path: readonly string[];
  body?: unknown;
  /** Instead of `body`: fields of a form. */
  form?: Record<string, string>;
  headers?: Record<string, string>;
  /** How this call is named in messages and logs, where ids and tokens do not belong. */
  purpose: string;
}

export interface BackendAnswer {
  status: number;
  /** A header of the answer by its name in lower case. */
  header: (name: string) => string | undefined;
  /** The JSON body, `undefined` when empty. */
  body: unknown;
}

/**
 * One remote service. Calls that can be repeated are, once; whatever is not an answer becomes ServiceUnavailable.
 * Not by `fetch`: every custodial patient costs a call, and half of the app's work for one would be in it.
 */
export class Backend {
  private readonly agent = new Agent({
    connect: { timeout: TIMEOUT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    keepAliveTimeout: IDLE_MS,
  });

  constructor(private readonly base: string) {}

  async call(request: BackendRequest): Promise<BackendAnswer> {
    const repeatable = request.method !== 'POST';
    try {
      return await pRetry(() => this.once(request), {
        retries: repeatable ? 1 : 0,
        minTimeout: RETRY_AFTER_MS,
        factor: 1,
      });
    } catch (error) {
      if (error instanceof CaregateError) throw error;
      throw new ServiceUnavailable(`the identity service could not be reached to ${request.purpose}; try again`, 1, {
        cause: error,
      });
    }
  }

  private async once({ method, path, body, form, headers, purpose }: BackendRequest): Promise<BackendAnswer> {
    const type = form ? 'application/x-www-form-urlencoded' : body === undefined ? undefined : 'application/json';
    // It follows no redirects: one would carry the server's token elsewhere.
    const response = await send(`${this.base}/${path.map(encodeURIComponent).join('/')}`, {
      dispatcher: this.agent,
      method,
      headers: { accept: 'application/json', ...(type !== undefined && { 'content-type': type }), ...headers },
      body: form ? new URLSearchParams(form).toString() : body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    const { statusCode: status } = response;
    // A service that does not offer something (501) is not away: asking again changes nothing.
    if ((status >= 500 && status !== 501) || status === 429)
      throw new ServiceUnavailable(`the identity service answered ${status} when asked to ${purpose}; try again`);
    const header = (name: string) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    return { status, header, body: parse(text, purpose) };
  }
}

function parse(text: string, purpose: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Errors of the service are often plain text, and only their status counts.
    return { unreadable: purpose };
  }
}
