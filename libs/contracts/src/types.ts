/**
 * The types of the contracts.
 *
 * `ClinicSchemas['Patient']` is a patient as the clinic API answers it, `ClinicInputs['Patient']` as a caller sends it (without
 * what is read-only).
 */
import type { Readable, Writable } from 'openapi-typescript-helpers';
import type { components as AccountComponents } from './generated/account.ts';
import type { components as ClinicComponents } from './generated/clinic.ts';
import type { components as DirectoryComponents } from './generated/directory.ts';
import type { components as GatekeeperComponents } from './generated/gatekeeper.ts';

type Answered<Schemas> = { [Name in keyof Schemas]: Readable<Schemas[Name]> };
type Sent<Schemas> = { [Name in keyof Schemas]: Writable<Schemas[Name]> };

export type ClinicSchemas = Answered<ClinicComponents['schemas']>;
export type ClinicInputs = Sent<ClinicComponents['schemas']>;
export type AccountSchemas = Answered<AccountComponents['schemas']>;
export type AccountInputs = Sent<AccountComponents['schemas']>;
export type GatekeeperSchemas = Answered<GatekeeperComponents['schemas']>;
export type GatekeeperInputs = Sent<GatekeeperComponents['schemas']>;
export type DirectorySchemas = Answered<DirectoryComponents['schemas']>;
export type DirectoryInputs = Sent<DirectoryComponents['schemas']>;

export type {
  components as ClinicComponents,
  operations as ClinicOperations,
  paths as ClinicPaths,
} from './generated/clinic.ts';
export type {
  components as AccountComponents,
  operations as AccountOperations,
  paths as AccountPaths,
} from './generated/account.ts';
export type {
  components as GatekeeperComponents,
  operations as GatekeeperOperations,
  paths as GatekeeperPaths,
} from './generated/gatekeeper.ts';
export type {
  components as DirectoryComponents,
  operations as DirectoryOperations,
  paths as DirectoryPaths,
} from './generated/directory.ts';
