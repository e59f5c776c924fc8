/**
 * Checks how whoever runs an integration can be reached, such as `Your name (integrations@example.com)`:
 * it is sent as the User-Agent of every request.
 * @throws {TypeError}
 */
export function userAgentOf(contact: string): string {
  const text = contact.trim();
  if (!/^[\x20-\x7e]{3,256}$/.test(text) || !/[^\s@()<>]+@[^\s@()<>]+\.[^\s@()<>]+/.test(text)) {
    throw new TypeError(
      'contact must be a name and an email address in plain letters, such as "Your name (integrations@example.com)"',
    );
  }
  return text;
}
