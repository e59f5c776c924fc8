import { Injectable } from '@nestjs/common';
import { actingUser, type Caller, callerName } from '@caregate/access';
import {
  changePatient,
  type PatientDocument,
  type Permission,
  removePatient,
  uniqueMrnIn,
  type UserId,
  withConnectionRequest,
} from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import { Conflict, Forbidden, NotFound } from '@caregate/service';
import type { Types } from 'mongoose';
import { concernsClinics } from '../audit/concerns.ts';
import { idOf } from '../clinics/clinics.repository.ts';
import { MailLimits } from '../mail-limits/mail-limits.service.ts';
import { isRecent } from '../mail-limits/mails.ts';
import { CustodialAccounts } from './custodial-accounts.ts';
import { type FilterInput, filterOf } from './list-filter.ts';
import { orderOf, type SortInput } from './list-sort.ts';
import { inWords, PatientAdmission } from './patient-admission.ts';
import {
  asKnown,
  dataSourcesFrom,
  detailsOf,
  emailFrom,
  isCustodial,
  type PatientInput,
  permissionsFromPatient,
  plainChange,
} from './patient-details.ts';
import { type Page, PatientListsRepository } from './patient-lists.repository.ts';
import { patientPage } from './patient-page.ts';
import { patientView, permissionsView, type Provider, reviewsView } from './patient.view.ts';
import { PatientsRepository } from './patients.repository.ts';
import { type SummaryInput, summaryChanges } from './summaries.ts';

/** How long a patient has to follow a request to connect (the public service's figure). */
const REQUEST_EXPIRES_MS = 30 * 24 * 60 * 60 * 1000;

/** Patients of a clinic: reading, changing, and letting go. */
@Injectable()
export class PatientsService {
  constructor(
    private readonly patients: PatientsRepository,
    private readonly lists: PatientListsRepository,
    private readonly admission: PatientAdmission,
    private readonly accounts: CustodialAccounts,
    private readonly limits: MailLimits,
  ) {}

  /** In JSON already. */
  async list(clinicId: string, query: FilterInput & SortInput & Page): Promise<Buffer> {
    const order = orderOf(query);
    const { patients, ...counts } = await this.lists.list(idOf(clinicId), filterOf(query), order, query);
    return patientPage(patients, counts);
  }

  async get(clinicId: string, userId: string) {
    return patientView((await this.patients.get(idOf(clinicId), userId)) ?? noPatient());
  }

  /** Most updates leave alone what is counted, or ruled by the clinic, or known elsewhere; these go a short way. */
  async update(clinicIdText: string, userId: string, input: PatientInput, caller: Caller) {
    const clinicId = idOf(clinicIdText);
    const known = asKnown(clinicId, userId, input);
    const changed = known && (await this.patients.changeAsKnown(known, plainChange(input)));
    return patientView(changed ?? (await this.updateWhole(clinicId, userId, input, caller)));
  }

  /** A custodial patient's account gets the same email, or loses it, before the patient does: only the account tells whether it can. */
  private async updateWhole(clinicId: Types.ObjectId, userId: string, input: PatientInput, caller: Caller) {
    const known = (await this.patients.get(clinicId, userId)) ?? noPatient();
    await this.countMails(known, input, caller);
    await this.updateAccount(known, input);
    const write = this.patients.changeOne(clinicId, userId, async (before, writes) => {
      const clinic = await this.patients.rulesOf(clinicId, writes.session);
      const details = detailsOf(input, clinic.sites);
      await this.admission.assertMrn(clinic, details.mrn, userId, writes.session);
      return changePatient(writes, before, {
        ...details,
        uniqueMrn: undefined,
        ...uniqueMrnIn(clinic, details.mrn),
        ...(details.email !== before.email && { invitedBy: actingUser(caller) ?? before.invitedBy }),
        updatedTime: new Date(),
      });
    });
    return (await inWords(write)) ?? noPatient();
  }

  /** Whoever gets an address, or another, is written to there. */
  private async countMails({ clinicId, userId, email: before }: PatientDocument, input: PatientInput, caller: Caller) {
    const to = emailFrom(input.email);
    if (to === undefined || to === before) return;
    const clinic = clinicId.toHexString();
    await this.limits.count('UpdatePatient', { caller, clinicId: clinic, to, record: `${clinic}:${userId}` });
  }

  private async updateAccount(patient: PatientDocument, input: PatientInput): Promise<void> {
    const email = emailFrom(input.email);
    if (!isCustodial(patient) || email === patient.email) return;
    const clinic = await this.patients.rulesOf(patient.clinicId);
    const { mrn } = detailsOf(input, clinic.sites); // what is refused for the patient must not have changed the account
    await this.admission.assertMrn(clinic, mrn, patient.userId);
    await this.accounts.setEmail(patient.userId, email);
  }

  async remove(clinicId: string, userId: string, caller: Caller): Promise<void> {
    const done = await this.patients.changeOne(idOf(clinicId), userId, async (patient, writes) => {
      await removePatient(writes, patient, callerName(caller));
      return true;
    });
    if (!done) noPatient();
  }

  /** The patient decides what the clinic may do. Gives undefined when that is nothing: then they are its patient no longer. */
  async setPermissions(clinicId: string, userId: string, input: ClinicInputs['PatientPermissions'], caller: Caller) {
    const permissions = permissionsFromPatient(input);
    const patient = await this.grant(clinicId, userId, caller, () => permissions);
    return patient && permissionsView(patient.permissions);
  }

  async removePermission(clinicId: string, userId: string, permission: Permission, caller: Caller): Promise<void> {
    await this.grant(clinicId, userId, caller, ({ permissions: { [permission]: taken, ...left } }) => {
      if (taken === undefined) throw new NotFound('permission not found');
      return left;
    });
  }

  private async grant(
    clinicId: string,
    userId: string,
    caller: Caller,
    permissionsOf: (patient: PatientDocument) => PatientDocument['permissions'],
  ) {
    const outcome = await this.patients.changeOne(idOf(clinicId), userId, async (patient, writes) => {
      const permissions = permissionsOf(patient);
      if (Object.keys(permissions).length > 0)
        return { patient: await changePatient(writes, patient, { permissions, updatedTime: new Date() }) };
      await removePatient(writes, patient, callerName(caller));
      return {};
    });
    return (outcome ?? noPatient()).patient;
  }

  async review(clinicId: string, userId: string, caller: Caller) {
    const reviews = await this.patients.addReview(idOf(clinicId), userId, {
      clinicianId: reviewer(caller),
      time: new Date(),
    });
    return reviewsView(reviews ?? noPatient());
  }

  /** Only the author can take the newest review back. */
  async takeBackReview(clinicIdText: string, userId: string, caller: Caller) {
    const clinicId = idOf(clinicIdText);
    const left = await this.patients.takeBackReview(clinicId, userId, reviewer(caller));
    if (left) return reviewsView(left);
    const { reviews = [] } = (await this.patients.get(clinicId, userId)) ?? noPatient();
    if (reviews.length === 0) throw new NotFound('review not found: the patient has not been reviewed');
    throw new Conflict('conflict: cannot revert review from another clinician');
  }

  /** The email goes out when the worker sees the new time; whoever was reminded within the hour is left alone. */
  async remindToUpload(clinicId: string, userId: string, caller: Caller) {
    const patient = (await this.patients.get(idOf(clinicId), userId)) ?? noPatient();
    const now = new Date();
    if (isRecent(patient.lastUploadReminderTime, now)) return patientView(patient);
    if (patient.email !== undefined)
      await this.limits.count('SendUploadReminder', { caller, clinicId, to: patient.email });
    return patientView((await this.patients.noteUploadReminder(idOf(clinicId), userId, now)) ?? noPatient());
  }

  /** Asks the patient to connect a provider that is among their data sources; the email goes out when the worker sees the request. */
  async requestConnection(clinicId: string, userId: string, provider: Provider, caller: Caller): Promise<void> {
    const now = new Date();
    const known = (await this.patients.get(idOf(clinicId), userId)) ?? noPatient();
    if (known.email !== undefined && !wasAskedOfLate(known, provider, now))
      await this.limits.count('ConnectProvider', { caller, clinicId, to: known.email });
    const asked = await this.patients.changeOne(idOf(clinicId), userId, async (patient, writes) => {
      const { dataSources = [], connectionRequests = {} } = patient;
      if (!dataSources.some(({ providerName }) => providerName === provider)) {
        throw new NotFound(
          `patient not found with a data source of ${provider}: add one to the patient's dataSources first`,
        );
      }
      const expirationTime = new Date(now.getTime() + REQUEST_EXPIRES_MS);
      await changePatient(writes, patient, {
        dataSources: dataSources.map((source) =>
          source.providerName !== provider
            ? source
            : source.modifiedTime
              ? { ...source, expirationTime, modifiedTime: now, state: 'pendingReconnect' } // it was connected before
              : { ...source, expirationTime, state: 'pending' },
        ),
        // The worker mails what is new here.
        connectionRequests: wasAskedOfLate(patient, provider, now)
          ? connectionRequests
          : withConnectionRequest(connectionRequests, { providerName: provider, createdTime: now }),
        updatedTime: now,
      });
      return true;
    });
    if (!asked) noPatient();
  }

  /** Says whether anything changed: a user who is nobody's patient has no summary. */
  async setSummary(userId: string, input: SummaryInput): Promise<boolean> {
    const changes = summaryChanges(input);
    if (Object.keys(changes).length === 0) return false;
    concernsClinics((await this.patients.recordsOf(userId as UserId)).map(({ clinicId }) => clinicId)); // the contract says that it is one
    return this.patients.setSummary(userId as UserId, changes);
  }

  removeSummary(summaryId: string): Promise<boolean> {
    return this.patients.removeSummary(summaryId);
  }

  /** In every clinic of the user, each for itself: a transaction over all of them would hold all of them up. */
  async setDataSources(userId: string, input: readonly ClinicInputs['DataSource'][]): Promise<void> {
    const dataSources = dataSourcesFrom(input);
    // The contract says that it is a user id.
    for (const { clinicId } of await this.patients.recordsOf(userId as UserId)) {
      concernsClinics([clinicId]);
      await this.setDataSourcesIn(clinicId, userId, dataSources);
    }
  }

  private setDataSourcesIn(clinicId: Types.ObjectId, userId: string, dataSources: PatientDocument['dataSources']) {
    return this.patients.changeOne(clinicId, userId, (patient, writes) =>
      changePatient(writes, patient, { dataSources, updatedTime: new Date() }),
    );
  }
}

function wasAskedOfLate({ connectionRequests = {} }: PatientDocument, provider: Provider, now: Date): boolean {
  return (connectionRequests[provider] ?? []).some(({ createdTime }) => isRecent(createdTime, now));
}

function reviewer(caller: Caller): UserId {
  if (caller.kind !== 'user') throw new Forbidden();
  return caller.userId;
}

function noPatient(): never {
  throw new NotFound('patient not found');
}
