import { call } from './http.ts';
import { eventually } from './eventually.ts';

export interface Mail {
  subject: string;
  to: string[];
  text: string;
}

/** Waits for an email to somebody, which holds a text if need be, in the SMTP catcher, whose page has a REST interface. */
export function mailTo(mailWebUrl: string, address: string, about: RegExp, mentioning = ''): Promise<Mail> {
  return eventually(`an email to ${address} about ${about}`, async () =>
    (await mailsTo(mailWebUrl, address)).find(({ subject, text }) => about.test(subject) && text.includes(mentioning)),
  );
}

/** Everything that the SMTP catcher has received for somebody. */
export async function mailsTo(mailWebUrl: string, address: string): Promise<Mail[]> {
  const { body } = await call({ url: `${mailWebUrl}/api/email` });
  // The shape of maildev's own interface.
  const mails = body as { subject: string; to?: { address: string }[]; text?: string }[];
  return mails
    .map(({ subject, to = [], text = '' }) => ({ subject, to: to.map((each) => each.address), text }))
    .filter(({ to }) => to.includes(address));
}
