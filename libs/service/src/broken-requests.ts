import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Requests that are turned away before there is a route for them; they are answered as all others are, with `{"message"}`. */
export const brokenRequests = {
  /** An address that cannot be read. */
  frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void => {
    const { statusCode = 500 } = error;
    void reply
      .status(statusCode)
      .headers(SECURITY_HEADERS)
      .header('content-type', 'application/json')
      .send({ message: ADDRESS_FAULTS[error.code] ?? 'request has an error' });
  },

  /** What is no HTTP, or too much of it. */
  clientErrorHandler: ({ code }: NodeJS.ErrnoException, socket: Socket): void => {
    if (code === 'ECONNRESET' || socket.destroyed) return;
    breakOff(socket, ...(HTTP_FAULTS[code ?? ''] ?? [400, 'request has an error: it is not valid HTTP']));
  },
};

/** Tells a client why its request is not waited for any longer, and closes its connection. */
export function dropUnfinished(socket: Socket, why: 'slow' | 'too_many'): void {
  if (why === 'slow') breakOff(socket, 408, LATE);
  else breakOff(socket, 503, 'too many requests had begun and not come whole; send it again, all at once');
}

function breakOff(socket: Socket, status: number, message: string): void {
  const body = JSON.stringify({ message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...(status === 503 ? ['Retry-After: 1'] : []),
    ...Object.entries(SECURITY_HEADERS).map((header) => header.join(': ')),
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

const ADDRESS_FAULTS: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: 'request has an error: its path has a percent sign that does not encode a character of UTF-8',
  FST_ERR_MAX_PARAM_LENGTH: 'request has an error: a part of its path is too long',
};

const LATE = 'request has an error: it did not arrive in time';

const HTTP_FAULTS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, LATE],
  HPE_HEADER_OVERFLOW: [431, 'request has an error: its address and headers are larger than 16 KiB'],
};
