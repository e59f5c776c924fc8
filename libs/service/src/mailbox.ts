/**
 * What an address is counted by: the mailbox that it comes to. Case means nothing, and many providers deliver `name+anything` to `name`, so
 * that one mailbox would have addresses without end. For counting only: where a `+` means something else, some share what one may get.
 */
export function mailboxOf(email: string): string {
  return email
    .trim()
    .toLowerCase()
    .replace(/^([^@+]+)\+[^@]*@/, '$1@');
}
