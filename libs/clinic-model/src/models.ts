import { type Connection, type Model, Schema, type SchemaDefinition } from 'mongoose';
import type {
  AccountDocument,
  ApiKeyDocument,
  ClinicCountsDocument,
  ClinicDocument,
  ClinicianDocument,
  ClinicMergeDocument,
  MigrationDocument,
  PatientDocument,
  PatientInviteDocument,
  SheetDocument,
  SignUpDocument,
  Tombstone,
  UnusedAccountDocument,
} from './documents.ts';
import { limitDocuments } from '@caregate/service/document-limit';
import { INDEXES, RETIRED_INDEXES } from './indexes.ts';

/** The collections of a shard's clinic database. */
export interface ClinicModels {
  readonly clinics: Model<ClinicDocument>;
  readonly clinicians: Model<ClinicianDocument>;
  readonly patients: Model<PatientDocument>;
  readonly sheets: Model<SheetDocument>;
  readonly migrations: Model<MigrationDocument>;
  readonly patientInvites: Model<PatientInviteDocument>;
  readonly clinicCounts: Model<ClinicCountsDocument>;
  readonly clinicMerges: Model<ClinicMergeDocument>;
  readonly clinicTombstones: Model<Tombstone<ClinicDocument>>;
  readonly clinicianTombstones: Model<Tombstone<ClinicianDocument>>;
  readonly patientTombstones: Model<Tombstone<PatientDocument>>;
  readonly accounts: Model<AccountDocument>;
  readonly signUps: Model<SignUpDocument>;
  readonly apiKeys: Model<ApiKeyDocument>;
  readonly unusedAccounts: Model<UnusedAccountDocument>;
}

/** Injection token of the shard's `ClinicModels`. */
export const CLINIC_MODELS = Symbol('CLINIC_MODELS');

const { ObjectId, Mixed } = Schema.Types;

const clinic: SchemaDefinition = {
  accountId: String,
  name: String,
  address: String,
  city: String,
  postalCode: String,
  state: String,
  country: String,
  phoneNumbers: [new Schema({ type: { type: String }, number: String }, { _id: false })],
  clinicType: String,
  clinicSize: String,
  website: String,
  timezone: String,
  preferredBgUnits: String,
  shareCodes: [String],
  canonicalShareCode: String,
  tier: String,
  isMigrated: Boolean,
  admins: [String],
  patientTags: [new Schema({ _id: ObjectId, name: String })],
  lastDeletedPatientTag: new Schema({ _id: ObjectId, name: String }),
  sites: [new Schema({ _id: ObjectId, name: String })],
  suppressedNotifications: Mixed,
  mrnSettings: Mixed,
  guardsMrns: Boolean,
  ehrSettings: Mixed,
  patientCountSettings: Mixed,
  membershipRestrictions: { type: Mixed },
  turn: Number,
  patientsHeld: ObjectId,
  createdTime: Date,
  updatedTime: Date,
};

const clinician: SchemaDefinition = {
  clinicId: ObjectId,
  userId: String,
  inviteId: String,
  invitedBy: String,
  inviteSentTime: Date,
  email: String,
  name: String,
  roles: [String],
  rolesUpdates: [new Schema({ id: String, roles: [String], updatedBy: String, time: Date }, { _id: false, id: false })],
  isServiceAccount: Boolean,
  createdTime: Date,
  updatedTime: Date,
};

const patient: SchemaDefinition = {
  clinicId: ObjectId,
  userId: String,
  fullName: String,
  birthDate: String,
  email: String,
  mrn: String,
  uniqueMrn: String,
  permissions: Mixed,
  isMigrated: Boolean,
  legacyClinicianIds: { type: [String], default: undefined },
  attestationSubmitted: Boolean,
  invitedBy: String,
  tags: [ObjectId],
  sites: [new Schema({ _id: ObjectId, name: String })],
  targetDevices: { type: [String], default: undefined },
  dataSources: { type: Mixed },
  connectionRequests: Mixed,
  lastUploadReminderTime: Date,
  summary: Mixed,
  reviews: { type: Mixed },
  glycemicRanges: Mixed,
  diagnosisType: String,
  sortName: String,
  searchText: String,
  createdTime: Date,
  updatedTime: Date,
};

// Its columns are read and written as MongoDB has them.
const sheet: SchemaDefinition = { _id: String, clinicId: ObjectId };

const migration: SchemaDefinition = {
  clinicId: ObjectId,
  userId: String,
  status: String,
  attestationTime: Date,
  createdTime: Date,
  updatedTime: Date,
};

const patientInvite: SchemaDefinition = {
  clinicId: ObjectId,
  userId: String,
  permissions: Mixed,
  createdTime: Date,
  expiresTime: Date,
};

const counts: SchemaDefinition = {
  _id: String,
  clinicId: ObjectId,
  turn: Number,
  held: ObjectId,
  waitUntil: Date,
  total: Number,
  demo: Number,
  plan: Number,
  tags: Mixed,
  sites: Mixed,
  providers: Mixed,
};

const merge: SchemaDefinition = {
  sourceId: ObjectId,
  targetId: ObjectId,
  state: String,
  tags: { type: Mixed },
  clinicians: { type: Mixed },
  patients: Number,
  merged: Number,
  mergedBy: String,
  createdTime: Date,
  doneTime: Date,
};

const tombstone: SchemaDefinition = { document: Mixed, deletedTime: Date, deletedBy: String };

const account: SchemaDefinition = {
  _id: String,
  subdomain: String,
  name: String,
  ownerUserId: String,
  fence: Mixed,
  moved: Mixed,
  arrived: Mixed,
  notice: String,
  notices: Number,
  turn: Number,
  ownerDeletedTime: Date,
  createdTime: Date,
  updatedTime: Date,
};

const signUp: SchemaDefinition = {
  _id: String,
  subdomain: String,
  name: String,
  owner: { type: Mixed },
  createdTime: Date,
  expiresTime: Date,
};

const apiKey: SchemaDefinition = {
  _id: String,
  accountId: String,
  name: String,
  secretHash: String,
  last4: String,
  createdBy: String,
  createdTime: Date,
  lastUsedTime: Date,
  revokedTime: Date,
  stoppedTime: Date,
  stoppedBy: String,
  replacedBy: String,
  expiresTime: Date,
};

const unusedAccount: SchemaDefinition = { _id: String, clinicId: ObjectId, email: String, createdTime: Date };

/** Gives the shard's collections as mongoose models of one connection. */
export function clinicModels(connection: Connection): ClinicModels {
  const model = <T>(collection: string, definition: SchemaDefinition): Model<T> =>
    // The definition and the document type are two views of one thing; mongoose cannot derive readonly documents from it.
    connection.model<T>(collection, schemaOf(definition) as unknown as Schema<T>, collection);
  return {
    clinics: model('clinics', clinic),
    clinicians: model('clinicians', clinician),
    patients: model('patients', patient),
    sheets: model('patient_sheets', sheet),
    migrations: model('migrations', migration),
    patientInvites: model('patient_invites', patientInvite),
    clinicCounts: model('patient_sheets', counts), // one command can write both

    clinicMerges: model('clinic_merges', merge),
    clinicTombstones: model('clinics_deletions', tombstone),
    clinicianTombstones: model('clinicians_deletions', tombstone),
    patientTombstones: model('patients_deletions', tombstone),
    accounts: model('accounts', account),
    signUps: model('sign_ups', signUp),
    apiKeys: model('api_keys', apiKey),
    unusedAccounts: model('unused_accounts', unusedAccount),
  };
}

// `minimize` would drop the empty objects that mean "granted" in permissions.
const schemaOf = (definition: SchemaDefinition) =>
  new Schema(definition, { versionKey: false, minimize: false, autoIndex: false, autoCreate: false });

/** Collections whose documents people and services write. The patient index has a size of its own. */
export const LIMITED_COLLECTIONS: readonly string[] = [
  ...['clinics', 'clinicians', 'patients', 'migrations', 'patient_invites', 'clinic_merges'],
  ...['accounts', 'api_keys', 'unused_accounts'],
];

/** Creates what is missing of the shard's collections and indexes; run before an app serves. */
export async function prepareClinicDatabase(connection: Connection): Promise<void> {
  for (const [collection, indexes] of Object.entries(INDEXES)) {
    await connection.createCollection(collection).catch(ignoreExisting);
    if (indexes.length > 0) await connection.collection(collection).createIndexes([...indexes]);
  }
  await limitDocuments(connection, LIMITED_COLLECTIONS);
  for (const [name, retired] of Object.entries(RETIRED_INDEXES)) {
    const collection = connection.collection(name);
    const there = (await collection.indexes()).flatMap(({ name: index }) => index ?? []);
    // Another copy that starts at the same time may be the one that drops it.
    for (const index of there.filter((each) => retired.includes(each)))
      await collection.dropIndex(index).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): void {
  if (error instanceof Error && 'codeName' in error && error.codeName === 'IndexNotFound') return;
  throw error;
}

function ignoreExisting(error: unknown): void {
  if (error instanceof Error && 'codeName' in error && error.codeName === 'NamespaceExists') return;
  throw error;
}
