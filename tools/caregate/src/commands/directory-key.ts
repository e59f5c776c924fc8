import { newDirectoryKey } from '@caregate/identity/directory-token';
import { Command } from 'commander';

const ROTATION = `
The directory signs what it asks of shards; each shard's clinic-api checks that with the public key and cannot sign itself.

To change keys without a pause:
  1. generate a pair
  2. add the public key to DIRECTORY_PUBLIC_KEYS of each clinic-api, beside the old one: [<old>,<new>]; restart them
  3. give the directory the new DIRECTORY_SIGNING_KEY; restart it
  4. a minute later take the old public key out of each DIRECTORY_PUBLIC_KEYS; restart them
When a private key may be known to others, begin with step 4 for the old key: moves and sign-ups wait until step 3.`;

/** `caregate directory-key …`: the pair of keys by which shards know the directory. */
export function directoryKeyCommand(): Command {
  const group = new Command('directory-key')
    .description('The keys by which shards know the directory')
    .addHelpText('after', ROTATION);
  group
    .command('generate')
    .description('make a pair of keys (Ed25519) and print it')
    .option('--json', 'one JSON object: {"id", "privateKey", "publicKey"}')
    .addHelpText('after', ROTATION)
    .action(({ json }: { json?: boolean }) => print(json));
  return group;
}

function print(json = false): void {
  const pair = newDirectoryKey();
  const text = json
    ? JSON.stringify(pair)
    : [
        '# For the directory alone; keep it as secret as a password:',
        `DIRECTORY_SIGNING_KEY='${pair.privateKey}'`,
        '# For the clinic-api of every shard; not secret:',
        `DIRECTORY_PUBLIC_KEYS='[${pair.publicKey}]'`,
        '# How to change keys without a pause: caregate directory-key --help',
      ].join('\n');
  process.stdout.write(`${text}\n`);
}
