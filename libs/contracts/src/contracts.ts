import accountDocument from './generated/account.document.ts';
import clinicDocument from './generated/clinic.document.ts';
import directoryDocument from './generated/directory.document.ts';
import gatekeeperDocument from './generated/gatekeeper.document.ts';
import type { OpenApiDocument } from './openapi.ts';

export type ContractName = 'clinic' | 'account' | 'gatekeeper' | 'directory';

/** The contracts as bundles. The generator has them checked by swagger-cli, hence the assertion. */
export const contracts = {
  /** The clinic API of a shard: `/v1`, wire compatible with the public clinic service. */
  clinic: clinicDocument,
  /** Accounts, sessions, API keys and audit of a shard: `/caregate/v1`, answered by the same app. */
  account: accountDocument,
  /** Who may see whose data on a shard: `/access`. */
  gatekeeper: gatekeeperDocument,
  /** Regions, sign-up, and where an account is: `/caregate/v1` of the directory. */
  directory: directoryDocument,
} as Readonly<Record<ContractName, OpenApiDocument>>;
