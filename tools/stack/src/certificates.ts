import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { host } from './process/ports.ts';

/** What a server needs to speak TLS, and a client to believe it. PEM. */
export interface Certificates {
  /** The certificate of the authority that vouches for the server: what clients are given. */
  readonly ca: string;
  readonly caFile: string;
  /** The server's certificate, good for 127.0.0.1 and localhost unless another address was asked for. */
  readonly cert: string;
  readonly key: string;
  /** Key and certificate in one file, as mongod and Kafka want them. */
  readonly serverFile: string;
}

const DAY_MS = 24 * 3_600_000;

/** An authority of its own and a server's certificate that it vouches for, good for a day. The files are put into `folder`. */
export async function makeCertificates(folder: string, address = host): Promise<Certificates> {
  const now = Date.now();
  // A clock that is a little behind is no reason to be refused.
  const life = { notBeforeDate: new Date(now - DAY_MS), notAfterDate: new Date(now + DAY_MS) };
  const common = { ...life, keyType: 'ec', algorithm: 'sha256' } as const;
  // Clients look authorities up by name: two must not have the same.
  const authority = await generate([{ name: 'commonName', value: `Caregate test authority ${randomUUID()}` }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'Caregate test server' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: address }, ...(address === host ? [localhost] : [])] },
    ],
  });
  const [caFile, serverFile] = [join(folder, 'ca.pem'), join(folder, 'server.pem')];
  await writeFile(caFile, authority.cert);
  await writeFile(serverFile, `${server.private}\n${server.cert}\n`, { mode: 0o600 });
  return { ca: authority.cert, caFile, cert: server.cert, key: server.private, serverFile };
}

const localhost = { type: 2, value: 'localhost' } as const;
