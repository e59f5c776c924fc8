import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from '@caregate/identity';
import { InvalidSubdomain, parseSubdomain } from '@caregate/shard';
import { z } from 'zod';
import type { SignUp } from '../accounts/account.ts';

/** What a person types, and the key by which sending it twice makes one account. */
export const FIELDS = ['name', 'subdomain', 'region', 'fullName', 'email', 'password', 'key'] as const;
export type Field = (typeof FIELDS)[number];
export type Filled = Partial<Record<Field, string>>;
export type Faults = Partial<Record<Field, string>>;

const text = (missing: string, longest = 256) =>
  z
    .string({ error: missing })
    .trim()
    .min(1, missing)
    .max(longest, `use at most ${longest} characters`)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'it holds a character that cannot be kept');

const subdomain = z.string({ error: 'choose a subdomain' }).transform((typed, context) => {
  try {
    return parseSubdomain(typed);
  } catch (error) {
    if (!(error instanceof InvalidSubdomain)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

const form = z.object({
  name: text('tell us the name of your practice'),
  subdomain,
  region: text('choose where your data will live', 2),
  fullName: text('tell us your name'),
  email: z.email('give an email address such as dana@harbour.example').max(254),
  password: z
    .string({ error: 'choose a password' })
    .min(SHORTEST_PASSWORD, `use at least ${SHORTEST_PASSWORD} characters`)
    .max(LONGEST_PASSWORD, `use at most ${LONGEST_PASSWORD} characters`),
});

/** Reads the form: a sign-up, or what is wrong with each field in words for the person who filled it. */
export function readForm(filled: Filled): { wanted: SignUp } | { faults: Faults } {
  const parsed = form.safeParse(filled);
  if (parsed.success) {
    const { fullName, email, password, ...account } = parsed.data;
    return { wanted: { ...account, owner: { fullName, email, password } } };
  }
  const faults: Faults = {};
  for (const { path, message } of parsed.error.issues) {
    const field = FIELDS.find((name) => name === path[0]);
    if (field) faults[field] ??= message;
  }
  return { faults };
}

/** The fields in the body of a form as browsers send it; others are left out. */
export function fieldsOf(body: string): Filled {
  const sent = new URLSearchParams(body);
  return Object.fromEntries(FIELDS.flatMap((field) => (sent.has(field) ? [[field, sent.get(field) ?? '']] : [])));
}
