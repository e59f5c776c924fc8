import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { previewPage } from '@caregate/mail/preview';
import { Command, InvalidArgumentError } from 'commander';

/** `caregate mail-preview`: what the emails look like. */
export function mailPreviewCommand(): Command {
  return new Command('mail-preview')
    .description('show all emails with sample data, as on a phone and as plain text')
    .option('--port <number>', 'serve the page on this port of 127.0.0.1; 0 takes a free one', portNumber, 0)
    .option('--out <file>', 'write the page to a file instead')
    .action((options: { port: number; out?: string }) =>
      options.out === undefined ? serve(options.port) : write(options.out),
    );
}

async function write(file: string): Promise<void> {
  await writeFile(file, previewPage());
  process.stdout.write(`${file}\n`);
}

/** Renders anew for each look, until it is interrupted. */
async function serve(port: number): Promise<void> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(previewPage());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address !== null && typeof address !== 'string')
    process.stdout.write(`http://127.0.0.1:${address.port} (Ctrl-C ends it)\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close());
  await once(server, 'close');
}

function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('a port is a number up to 65535');
  return Number(text);
}
