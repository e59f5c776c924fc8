import { ContractViolation, type OpenApiDocument, operation, requestValidator } from '@caregate/contracts';
import { BadRequest, UnsupportedMediaType } from './errors.ts';
import { operationDecorator, type ServedContract } from './operation.ts';

/** A decorator that binds a controller method to an operation of this contract: its method, path, success status and validation. */
export function operationsOf<OperationId extends string>(document: OpenApiDocument) {
  return operationDecorator<OperationId>(served(document));
}

function served(document: OpenApiDocument): ServedContract {
  const validator = requestValidator(document);
  return {
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
