// Makes the pair of keys by which shards know the directory, unless it is there: the private one in a volume that only the directory
// has, the public one in another that each clinic-api reads. Another pair: docker compose down --volumes.
import { generateKeyPairSync } from 'node:crypto';
import { chownSync, existsSync, writeFileSync } from 'node:fs';

const NODE_USER = 1000;

if (!existsSync('/public/key')) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  for (const [file, key, mode] of [
    ['/private/key', privateKey, 0o400],
    ['/public/key', publicKey, 0o444],
  ]) {
    writeFileSync(file, JSON.stringify(key.export({ format: 'jwk' })), { mode });
    chownSync(file, NODE_USER, NODE_USER);
  }
}
