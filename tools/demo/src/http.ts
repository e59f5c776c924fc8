import { request as send } from 'node:http';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: unknown;
}

export interface Call {
  method?: string;
  url: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/**
 * Sends a request. Names under `localhost`, such as `api.au1.localhost`, are this machine:
 * browsers and curl know that, the resolver of Node does not everywhere.
 */
export function call({ method = 'GET', url, headers = {}, body }: Call): Promise<Answer> {
  const payload =
    body === undefined ? undefined : body instanceof URLSearchParams ? String(body) : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      {
        method,
        headers: {
          accept: 'application/json',
          ...(payload !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        lookup: (_host, options, found) =>
          options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed(text) }),
        );
        response.on('error', reject);
      },
    );
    request.setTimeout(30_000, () => request.destroy(new Error(`${method} ${url}: no answer in 30 s`)));
    request.on('error', reject);
    request.end(payload);
  });
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** `Authorization` for an API key, as integrators send it. */
export const basic = (key: string) => ({ authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` });

export const session = (token: string) => ({ 'x-tidepool-session-token': token });
