import { StackError } from '../errors.ts';

const shape = /^(mongodb(?:\+srv)?:\/\/)([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;

/** The same server, with the database in the path. */
export function withDatabase(uri: string, database: string): string {
  const { scheme, authority, database: before, options } = parse(uri);
  // Credentials without an authSource are looked up in the database of the path; a new path must not move that.
  if (authority.includes('@') && !options.has('authSource')) options.set('authSource', before || 'admin');
  return join(scheme, authority, database, options);
}

/** The same server, without a database. */
export function withoutDatabase(uri: string): string {
  return withDatabase(uri, '');
}

function parse(uri: string) {
  const [, scheme, authority, database, query] = shape.exec(uri) ?? [];
  if (!scheme || !authority) throw new StackError('MONGODB_URI must look like mongodb://host:port/?replicaSet=rs0');
  return { scheme, authority, database: database ?? '', options: new URLSearchParams(query ?? '') };
}

function join(scheme: string, authority: string, database: string, options: URLSearchParams): string {
  const query = options.toString();
  return `${scheme}${authority}/${database}${query ? `?${query}` : ''}`;
}
