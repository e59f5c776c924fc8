declare const brand: unique symbol;

/** The id of a user: ten hexadecimal digits or a UUID, lower case. */
export type UserId = string & { readonly [brand]: 'UserId' };

const USER_ID = /^(?:[0-9a-f]{10}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Says whether a text is written as a user id. It does not say whether such a user exists. */
export function isUserId(text: string): text is UserId {
  return USER_ID.test(text);
}
