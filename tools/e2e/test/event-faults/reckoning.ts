import type { Db, Document } from 'mongodb';
import type { FaultRun } from './fault-run.ts';
import { emailOf, objectIds } from './clinic-life.ts';

/** Compares what was accepted with what there is in the end. Empty lists mean that nothing is missing and nothing is too much. */
export class Reckoning {
  constructor(private readonly run: FaultRun) {}

  private get clinic(): Db {
    return this.run.scene.clinicDb;
  }

  private get gatekeeper(): Db {
    return this.run.mongo.db(this.run.scene.shard.gatekeeperDatabase);
  }

  /** Rows in which the gatekeeper database differs from the clinic database. */
  async differences(): Promise<string[]> {
    const replicas = [
      { source: 'patients', replica: 'patient_permissions', fields: ['_id', 'userId', 'clinicId', 'permissions'] },
      {
        source: 'clinicians',
        replica: 'clinician_permissions',
        fields: ['_id', 'userId', 'clinicId', 'inviteId', 'roles'],
      },
    ];
    const found: string[] = [];
    for (const { source, replica, fields } of replicas) {
      const projection = Object.fromEntries(fields.map((field) => [field, 1]));
      const wanted = await this.clinic.collection(source).find({}, { projection }).toArray();
      const rows = await this.gatekeeper.collection(replica).find().toArray();
      const byId = new Map(rows.map((row) => [String(row._id), row]));
      for (const row of wanted) {
        if (!sameDocument(row, byId.get(String(row._id)))) found.push(`${replica} ${String(row._id)}`);
        byId.delete(String(row._id));
      }
      for (const id of byId.keys()) found.push(`${replica} ${id} is too much`);
    }
    return found;
  }

  /** What was accepted and is not so. */
  async lost(): Promise<string[]> {
    const { accepted } = this.run;
    const lost: string[] = [];
    const patients = await this.clinic.collection('patients').find().toArray();
    const byUser = new Map(patients.map((patient) => [String(patient['userId']), patient]));
    for (const userId of accepted.patients) if (!byUser.has(userId)) lost.push(`patient ${userId}`);
    for (const userId of [...accepted.deletedPatients, ...accepted.deletedUsers])
      if (byUser.has(userId)) lost.push(`deletion of ${userId}`);
    for (const [userId, permissions] of accepted.permissions)
      if (JSON.stringify(byUser.get(userId)?.['permissions']) !== permissions) lost.push(`permissions of ${userId}`);
    const clinicians = await this.clinic.collection('clinicians').find().toArray();
    const roles = new Map(clinicians.map(({ userId, roles }) => [String(userId), String(roles)]));
    for (const [userId, role] of accepted.roles) if (roles.get(userId) !== role) lost.push(`role of ${userId}`);
    const clinics = await this.clinic
      .collection('clinics')
      .countDocuments({ _id: { $in: objectIds(accepted.clinics) } });
    if (clinics !== accepted.clinics.size) lost.push(`${accepted.clinics.size - clinics} clinics`);
    for (const subdomain of accepted.accounts)
      if (!(await this.clinic.collection('sign_ups').findOne({ subdomain }))) lost.push(`sign-up ${subdomain}`);
    return [...lost, ...(await this.undone())];
  }

  /** Reactions whose outcome is not there. */
  private async undone(): Promise<string[]> {
    const { accepted, scene } = this.run;
    const undone: string[] = [];
    const users = this.clinic.collection<{ _id: string; roles: string[] }>('users');
    for (const userId of accepted.deletedUsers)
      if (await users.findOne({ _id: userId })) undone.push(`account of ${userId}`);
    for (const [legacyId, { clinicId, sharers }] of accepted.migrations) {
      const legacy = await users.findOne({ _id: legacyId });
      if (legacy?.roles.includes('clinic')) undone.push(`legacy role of ${legacyId}`);
      const shared = await scene.identity.sharesWith(legacyId as never); // a user id
      if (shared.size > 0) undone.push(`sharing with ${legacyId}`);
      const [id] = objectIds([clinicId]);
      const there = await this.clinic
        .collection('patients')
        .countDocuments({ clinicId: id, userId: { $in: [...sharers] } });
      if (there !== sharers.length) undone.push(`${sharers.length - there} patients of ${legacyId}`);
    }
    const archived = await this.clinic
      .collection('patients_deletions')
      .countDocuments({ userId: { $in: [...accepted.deletedUsers] } });
    if (archived !== accepted.deletedUsers.size) undone.push(`${accepted.deletedUsers.size - archived} archives`);
    return undone;
  }

  /**
   * Emails by address and subject: those that were due and never accepted, those that nobody was owed, and how often one was accepted again.
   * What was due is read from the clinic database; role changes are counted as they were accepted, as a clinician keeps only the newest.
   */
  async emails(): Promise<{ due: number; missing: string[]; unexpected: string[]; doubled: number }> {
    const due = await this.due();
    const accepted = await this.run.mail.accepted();
    const distinct = new Map<string, Set<string>>();
    for (const { to, subject, messageId } of accepted) {
      const key = `${to.join()} ${subject}`;
      distinct.set(key, (distinct.get(key) ?? new Set()).add(messageId));
    }
    const missing = [...due].filter(([key, count]) => (distinct.get(key)?.size ?? 0) < count).map(([key]) => key);
    const possible = await this.possible();
    const allowed = (key: string) => (due.get(key) ?? 0) + (possible.has(key) ? 1 : 0);
    const unexpected = [...distinct].filter(([key, ids]) => ids.size > allowed(key)).map(([key]) => key);
    const ids = new Set(accepted.map(({ messageId }) => messageId));
    return {
      due: [...due.values()].reduce((sum, count) => sum + count, 0),
      missing,
      unexpected,
      doubled: accepted.length - ids.size,
    };
  }

  /** Whether a patient who was deleted was still there when the worker looked is chance: they were mailed once or not at all. */
  private async possible(): Promise<ReadonlySet<string>> {
    const clinics = await this.clinic.collection('clinics').find().toArray();
    const names = new Map(clinics.map(({ _id, name }) => [String(_id), String(name)]));
    const { deletedUsers, invited } = this.run.accepted;
    return new Set(
      [...deletedUsers].flatMap((userId) => {
        const { email, clinicId } = invited.get(userId) ?? {};
        return clinicId === undefined ? [] : `${email} ${invitedBy(names.get(clinicId))}`;
      }),
    );
  }

  private async due(): Promise<Map<string, number>> {
    const due = new Map<string, number>();
    const owe = (address: unknown, subject: string) => {
      const key = `${String(address)} ${subject}`;
      due.set(key, (due.get(key) ?? 0) + 1);
    };
    const clinics = new Map(
      (await this.clinic.collection('clinics').find().toArray()).map((clinic) => [String(clinic._id), clinic]),
    );
    const nameOf = (clinicId: unknown) => String(clinics.get(String(clinicId))?.['name']);
    const owners = new Map(
      (await this.clinic.collection('users').find().toArray()).map((user) => [String(user._id), user['email']]),
    );
    for (const clinic of clinics.values())
      owe(owners.get(String(clinic['admins'][0])), `Your clinic “${clinic['name']}” is ready on Caregate`);
    const living = await this.clinic.collection('patients').find().toArray();
    for (const { email, permissions, isMigrated, clinicId } of living) {
      if (!email) continue;
      if (isMigrated) owe(email, `What you share moved along with the clinic “${nameOf(clinicId)}”`);
      else if (permissions?.custodian) owe(email, invitedBy(nameOf(clinicId)));
    }
    const clinicians = await this.clinic.collection('clinicians').find().toArray();
    for (const { userId, clinicId } of clinicians)
      for (let n = this.run.accepted.roleChanges.get(String(userId)) ?? 0; n > 0; n--)
        owe(owners.get(String(userId)), `Your permissions at the clinic “${nameOf(clinicId)}” have changed`);
    for (const [legacyId, { clinicId }] of this.run.accepted.migrations)
      owe(emailOf(legacyId), `All patients have moved to the clinic “${nameOf(clinicId)}”`);
    const signUps = await this.clinic.collection('sign_ups').find().toArray();
    const accounts = await this.clinic.collection('accounts').find().toArray();
    for (const address of [
      ...signUps.map(({ owner }) => owner.email),
      ...accounts.map(({ ownerUserId }) => owners.get(String(ownerUserId))),
    ])
      owe(address, 'Confirm your address for Caregate');
    return due;
  }
}

const invitedBy = (clinic = '') => `An account was created for you by the clinic “${clinic}”`;

function sameDocument(one: Document, other: Document | undefined): boolean {
  return other !== undefined && stable(one) === stable(other);
}

const stable = (document: Document) => JSON.stringify(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
