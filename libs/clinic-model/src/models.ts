import { type Connection, type Model, type mongo, Schema, type SchemaDefinition } from 'mongoose';
import { archivesKeptDays, DELETIONS_KEPT_DAYS, type Retention } from './archives.ts';
import type {
  AccountDocument,
  ApiKeyDocument,
  ArchiveDocument,
  ClinicCountsDocument,
  ClinicDocument,
  ClinicianDocument,
  ClinicMergeDocument,
  MigrationDocument,
  PatientDocument,
  PatientInviteDocument,
  SheetDocument,
  SignUpDocument,
  UnusedAccountDocument,
  UserEndingDocument,
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
  readonly clinicArchives: Model<ArchiveDocument>;
  readonly clinicianArchives: Model<ArchiveDocument>;
  readonly patientArchives: Model<ArchiveDocument>;
  readonly userEndings: Model<UserEndingDocument>;
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

const archive: SchemaDefinition = {
  documentId: ObjectId,
  clinicId: ObjectId,
  accountId: String,
  userId: String,
  custodial: String,
  deletedTime: Date,
  deletedBy: String,
};

const userEnding: SchemaDefinition = { _id: String, state: String, turn: Number, time: Date };

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

const unusedAccount: SchemaDefinition = {
  _id: String,
  clinicId: ObjectId,
  email: String,
  endingTime: Date,
  createdTime: Date,
};

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
    clinicArchives: model('clinics_deletions', archive),
    clinicianArchives: model('clinicians_deletions', archive),
    patientArchives: model('patients_deletions', archive),
    userEndings: model('user_endings', userEnding),
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
export async function prepareClinicDatabase(
  connection: Connection,
  retention: Retention = { deletionsKeptDays: DELETIONS_KEPT_DAYS, auditKeptDays: 0 },
): Promise<void> {
  for (const [collection, indexes] of Object.entries(INDEXES)) {
    await connection.createCollection(collection).catch(ignoreExisting);
    if (indexes.length === 0) continue;
    const keptDays = archivesKeptDays(retention)[collection];
    const wanted = keptDays === undefined ? indexes : indexes.map(expiringAfter(keptDays * 86_400));
    await prepareIndexes(connection, collection, wanted);
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

const expiringAfter = (expireAfterSeconds: number) => (index: mongo.IndexDescription) =>
  index.expireAfterSeconds === undefined ? index : { ...index, expireAfterSeconds };

/** An index that expires documents is given its time anew where that has changed; others never change under their name. */
async function prepareIndexes(
  connection: Connection,
  collection: string,
  indexes: readonly mongo.IndexDescription[],
): Promise<void> {
  try {
    await connection.collection(collection).createIndexes([...indexes]);
  } catch (error) {
    if (!isNamed(error, 'IndexOptionsConflict')) throw error;
    for (const { name, expireAfterSeconds } of indexes)
      if (expireAfterSeconds !== undefined)
        await connection.db?.command({ collMod: collection, index: { name, expireAfterSeconds } });
    await connection.collection(collection).createIndexes([...indexes]);
  }
}

function ignoreMissing(error: unknown): void {
  if (!isNamed(error, 'IndexNotFound')) throw error;
}

function ignoreExisting(error: unknown): void {
  if (!isNamed(error, 'NamespaceExists')) throw error;
}

const isNamed = (error: unknown, codeName: string) =>
  error instanceof Error && 'codeName' in error && error.codeName === codeName;
