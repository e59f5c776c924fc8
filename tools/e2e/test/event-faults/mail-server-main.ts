// A mail server that notes every message that it accepts before it says so, and is killed and started again by the test.
//   node mail-server-main.ts PORT FILE
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SMTPServer } from 'smtp-server';

// It brings no types.
const { simpleParser } = createRequire(import.meta.url)('mailparser') as {
  simpleParser: (source: string) => Promise<{ messageId?: string; subject?: string }>;
};
const [port, file] = process.argv.slice(2);
if (port === undefined || file === undefined) throw new Error('usage: mail-server-main.ts PORT FILE');
const accepted = openSync(file, 'a');

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData: (stream, session, answer) => {
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('end', () => {
      void simpleParser(text).then(({ messageId = '', subject = '' }) => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        writeSync(accepted, `${JSON.stringify({ time: Date.now(), messageId, to, subject })}\n`);
        fsyncSync(accepted);
        answer();
      });
    });
  },
});
server.on('error', () => {}); // connections of killed workers
server.listen(Number(port), '127.0.0.1', () => process.send?.('listening'));
process.on('SIGTERM', () => {
  closeSync(accepted);
  process.exit(0);
});
process.on('disconnect', () => process.exit(0)); // the test is gone
