import { type AccountOperations, type ClinicOperations, contracts } from '@caregate/contracts';
import { operationsOf } from '@caregate/service';

/** Binds a method to an operation of the clinic API, whose wire format is the public clinic service's. */
export const ClinicOperation = operationsOf<keyof ClinicOperations>(contracts.clinic);

/** Binds a method to an operation that is ours: accounts, sessions, API keys, audit. */
export const AccountOperation = operationsOf<keyof AccountOperations>(contracts.account);
