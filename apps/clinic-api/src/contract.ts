import {
  type AccountOperations,
  type ClinicOperations,
  ContractViolation,
  contracts,
  type OpenApiDocument,
  operation,
  requestValidator,
} from '@caregate/contracts';
import { BadRequest, operationDecorator, type ServedContract, UnsupportedMediaType } from '@caregate/service';

/** Binds a method to an operation of the clinic API, whose wire format is the public clinic service's. */
export const ClinicOperation = operationDecorator<keyof ClinicOperations>(served('clinic', contracts.clinic));

/** Binds a method to an operation that is ours: accounts, sessions, API keys, audit. */
export const AccountOperation = operationDecorator<keyof AccountOperations>(served('account', contracts.account));

function served(name: string, document: OpenApiDocument): ServedContract {
  const validator = requestValidator(document);
  return {
    name,
    operation: (operationId) => {
      const { method, path, responses } = operation(document, operationId);
      const success = Object.keys(responses).find((status) => status.startsWith('2'));
      if (success === undefined) throw new Error(`the contract does not say what success of ${operationId} is`);
      return { operationId, method, path, successStatus: Number(success) };
    },
    validate: (operationId, request) => refusing(() => validator.validate(operationId, request)),
  };
}

function refusing<T>(validate: () => T): T {
  try {
    return validate();
  } catch (error) {
    if (!(error instanceof ContractViolation)) throw error;
    throw error.status === 415 ? new UnsupportedMediaType(error.message) : new BadRequest(error.message);
  }
}
