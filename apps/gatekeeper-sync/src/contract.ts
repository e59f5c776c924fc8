import { contracts, type GatekeeperOperations } from '@caregate/contracts';
import { operationsOf } from '@caregate/service';

/** Binds a method to an operation of the gatekeeper's contract. */
export const GatekeeperOperation = operationsOf<keyof GatekeeperOperations>(contracts.gatekeeper);
