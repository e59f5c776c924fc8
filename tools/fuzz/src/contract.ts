/** The contract as Schemathesis gets it: both contracts of the app in one, strict about answers, and aimed at things that exist. */
import {
  contracts,
  METHODS,
  type OpenApiDocument,
  type OperationObject,
  type Parameter,
  type Schema,
} from '@caregate/contracts';
import type { Ids, World } from './world.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Caller {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Operations that would end the caller's own session, and with it the run. */
  readonly leaveOut?: readonly string[];
  /** Only the operations of this tag make sense for it. */
  readonly only?: readonly string[];
}

/** Everything the app answers, as one document that Schemathesis can follow. */
export function contractFor(world: World, { leaveOut = [], only }: Caller): object {
  const both = merged(contracts.clinic, contracts.account);
  const paths = Object.entries(both.paths).flatMap(([path, item]) => {
    const kept = METHODS.flatMap((method) => {
      const operation = item[method];
      if (operation === undefined || leaveOut.includes(operation.operationId)) return [];
      if (only && !only.some((tag) => operation.tags?.includes(tag))) return [];
      return [[method, aimed(both, operation, item.parameters ?? [], world)] as const];
    });
    return kept.length > 0 ? [[path, Object.fromEntries(kept)] as const] : [];
  });
  const schemas = { ...answered(both.components.schemas), ...sent(both.components.schemas, world) };
  return { ...both, paths: Object.fromEntries(paths), components: { ...both.components, schemas } };
}

function merged(first: OpenApiDocument, second: OpenApiDocument): OpenApiDocument {
  const kinds = new Set([...Object.keys(first.components), ...Object.keys(second.components)]);
  const components = Object.fromEntries(
    [...kinds].map((kind) => [kind, union(first.components[kind] ?? {}, second.components[kind] ?? {}, kind)]),
  ) as OpenApiDocument['components']; // both have schemas
  return { ...first, paths: union(first.paths, second.paths, 'paths'), components };
}

/** What both have must be the same in both. */
function union<T extends object>(first: T, second: T, what: string): T {
  for (const [name, value] of Object.entries(second)) {
    const own = Object.hasOwn(first, name) ? first[name as keyof T] : value;
    if (JSON.stringify(own) !== JSON.stringify(value)) throw new Error(`the contracts disagree on ${what}/${name}`);
  }
  return { ...first, ...second };
}

/** An answer has no key that the contract does not know. */
function answered(schemas: Readonly<Record<string, Schema>>): Record<string, Schema> {
  const closed = Object.entries(schemas).map(([name, schema]) => {
    const isRecord =
      schema.type === 'object' && schema.properties !== undefined && schema.additionalProperties === undefined;
    return [name, isRecord ? { ...schema, additionalProperties: false } : schema] as const;
  });
  return Object.fromEntries(closed);
}

/** The schemas of requests under names of their own, so that ids in them can be those of things that exist. */
function sent(schemas: Readonly<Record<string, Schema>>, { ids, spare, shareCode }: World): Record<string, Schema> {
  const aims: Readonly<Record<string, (schema: Schema) => Schema>> = {
    PatientTagIds: (schema) => ({ ...schema, items: oneOf(ids.patientTagId) }),
    UserIds: (schema) => ({ ...schema, items: oneOf(ids.patientId) }),
    Site: (schema) => withProperty(schema, 'id', oneOf(ids.siteId)),
    SiteReference: (schema) => withProperty(schema, 'id', oneOf(spare.siteId)),
    MergeSource: (schema) => withProperty(schema, 'sourceId', oneOf(spare.clinicId)),
    UserAssociation: (schema) => withProperty(schema, 'userId', oneOf(spare.userId)),
    PatientInvitation: (schema) => withProperty(schema, 'shareCode', oneOf([shareCode])),
    // A fence may last a minute, and nothing would be learnt from waiting; one that is given no time at all is refused by 503, rightly.
    FenceWanted: (schema) => withProperty(withProperty(schema, 'withinMs', A_WHILE), 'forMs', A_WHILE),
  };
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [
      sentName(name),
      pointedAtSent((aims[name] ?? same)(schema)) as Schema,
    ]), // still a schema
  );
}

const same = (schema: Schema) => schema;
const sentName = (name: string) => `Sent.${name}`;
const oneOf = (values: readonly string[]): Schema => ({ type: 'string', enum: values });
const A_WHILE: Schema = { type: 'integer', minimum: 2_000, maximum: 4_000 };
const withProperty = (schema: Schema, name: string, property: Schema): Schema => ({
  ...schema,
  properties: { ...schema.properties, [name]: property },
});

const SCHEMAS = '#/components/schemas/';
function pointedAtSent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pointedAtSent);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === '$ref' && typeof inner === 'string' && inner.startsWith(SCHEMAS)
        ? [key, SCHEMAS + sentName(inner.slice(SCHEMAS.length))]
        : [key, pointedAtSent(inner)],
    ),
  );
}

/** Operations that use up what they are about, or set rules that would stop all others, and what of it they may have. */
const USES_UP: Readonly<Record<string, readonly (keyof Ids)[]>> = {
  DeleteClinic: ['clinicId'],
  MergeClinic: ['clinicId'],
  UpdateMRNSettings: ['clinicId'],
  UpdatePatientCountSettings: ['clinicId'],
  UpdateMembershipRestrictions: ['clinicId'],
  UpdateClinician: ['clinicianId'],
  DeleteClinician: ['clinicianId'],
  DeletePatient: ['patientId'],
  DeletePatientPermission: ['patientId'],
  UpdatePatientPermissions: ['patientId'],
  DeletePatientTag: ['patientTagId'],
  ConvertPatientTagToSite: ['patientTagId'],
  DeleteSite: ['siteId'],
  DeleteInvite: ['inviteId'],
  DeleteInvitedClinician: ['inviteId'],
  AssociateClinicianToUser: ['inviteId'],
  AcceptClinicianInvite: ['inviteId'],
  DismissClinicianInvite: ['inviteId'],
  DeleteUserFromClinics: ['userId'],
  UpdateClinicUserDetails: ['userId'],
  ProvisionAccount: ['accountId'],
  RevokeApiKey: ['keyId'],
  RotateApiKey: ['keyId'],
};

/** Operations on invites that patients made; their parameter has the same name as that of invites to clinicians. */
const OF_PATIENT_INVITES = new Set(['AcceptPatientInvitation', 'DismissPatientInvite', 'DeletePatientInvite']);
/** Moving an account away locks everybody else out of it. */
const MOVES = 'moves';

function aimed(document: OpenApiDocument, operation: OperationObject, shared: readonly unknown[], world: World): Json {
  const parameters = [...shared, ...(operation.parameters ?? [])].map((parameter) => {
    const known = resolved(document, parameter as Json) as unknown as Parameter; // a bundle holds parameters here
    const values = known.in === 'path' ? valuesOf(known.name, operation, world) : undefined;
    return values ? { ...known, schema: oneOf(values), example: values[0] } : known;
  });
  return {
    ...operation,
    parameters,
    ...(operation.requestBody && { requestBody: pointedAtSent(operation.requestBody) }),
  };
}

function resolved(document: OpenApiDocument, thing: Json): Json {
  const { $ref } = thing;
  if (typeof $ref !== 'string') return thing;
  const [kind = '', name = ''] = $ref.replace('#/components/', '').split('/');
  return document.components[kind]?.[name] as Json; // the bundler has checked that it is there
}

function valuesOf(
  name: string,
  { operationId, tags = [] }: OperationObject,
  { ids, spare, shareCode, ...world }: World,
): readonly string[] | undefined {
  if (name === 'shareCode') return [shareCode];
  if (name === 'userId' && tags.some((tag) => tag.includes('invites')))
    return [world.patient.userId, world.admin.userId];
  const kind = name === 'inviteId' && OF_PATIENT_INVITES.has(operationId) ? 'patientInviteId' : name;
  if (!isKind(kind, ids)) return undefined;
  const isSpare = tags.includes(MOVES) || USES_UP[operationId]?.some((used) => used === name);
  return (isSpare ? spare : ids)[kind];
}

const isKind = (name: string, ids: Ids): name is keyof Ids => Object.hasOwn(ids, name);
