import { createHash, timingSafeEqual } from 'node:crypto';
import { type ServedOperation, Unauthorized } from '@caregate/service';
import type { FastifyRequest } from 'fastify';
import type { DirectoryConfig } from './config.ts';

/** What everybody may do; all else in the directory is for operators. */
const OPEN: ReadonlySet<string> = new Set(['ListRegions', 'GetSubdomain', 'SignUp']);

/** Lets a request in: everybody to sign up, operators with their token to the rest. @throws {Unauthorized} */
export async function admit(
  request: FastifyRequest,
  { operationId }: ServedOperation,
  { OPERATOR_TOKEN }: DirectoryConfig,
): Promise<void> {
  if (OPEN.has(operationId)) return;
  if (OPERATOR_TOKEN === undefined)
    throw new Unauthorized('no operator token is set here; start the directory with OPERATOR_TOKEN');
  const [, given = ''] = /^bearer +(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (!timingSafeEqual(digest(given), digest(OPERATOR_TOKEN)))
    throw new Unauthorized('the operator token is missing or wrong');
}

const digest = (text: string) => createHash('sha256').update(text).digest();
