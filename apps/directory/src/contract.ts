import { contracts, type DirectoryOperations } from '@caregate/contracts';
import { operationsOf } from '@caregate/service';

/** Binds a method to an operation of the directory's contract. */
export const Operation = operationsOf<keyof DirectoryOperations>(contracts.directory);
