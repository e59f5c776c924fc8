import { contracts } from '@caregate/contracts';
import { operationDecorator } from '@caregate/service';

/** Binds a method to an operation of the clinic API, whose wire format is the public clinic service's. */
export const ClinicOperation = operationDecorator(contracts.clinic);

/** Binds a method to an operation that is ours: accounts, sessions, API keys, audit. */
export const AccountOperation = operationDecorator(contracts.account);
