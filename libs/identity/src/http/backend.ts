import { CaregateError, ServiceUnavailable } from '@caregate/service';
import pRetry from 'p-retry';

const TIMEOUT_MS = 3_000;
const RETRY_AFTER_MS = 50;

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
  headers: Headers;
  /** The JSON body, `undefined` when empty. */
  body: unknown;
}

/** One remote service. Calls that can be repeated are, once; whatever is not an answer becomes ServiceUnavailable. */
export class Backend {
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
    const response = await fetch(`${this.base}/${path.map(encodeURIComponent).join('/')}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: form ? new URLSearchParams(form) : body === undefined ? null : JSON.stringify(body),
      redirect: 'error', // a redirect would carry the server's token elsewhere
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status >= 500 || response.status === 429)
      throw new ServiceUnavailable(
        `the identity service answered ${response.status} when asked to ${purpose}; try again`,
      );
    return { status: response.status, headers: response.headers, body: parse(text, purpose) };
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
