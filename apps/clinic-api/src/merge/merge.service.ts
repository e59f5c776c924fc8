import { Inject, Injectable } from '@nestjs/common';
import { type Caller, callerName } from '@caregate/access';
import {
  CLINIC_MODELS,
  type ClinicModels,
  countsDelta,
  newObjectId,
  type PatientSite,
  removeClinician,
  replaceClinician,
} from '@caregate/clinic-model';
import { BadRequest, inTransaction, MONGO } from '@caregate/service';
import type { ClientSession, Connection, Types } from 'mongoose';
import { ClinicsRepository } from '../clinics/clinics.repository.ts';
import { ClinicsService } from '../clinics/clinics.service.ts';
import { type MergePlan, type MergingPatient, planMerge } from './merge-plan.ts';
import { MergeRepository } from './merge.repository.ts';
import { type MergeReport, reportOf } from './merge-report.ts';

/** Makes one clinic out of two: the source's patients, clinicians, tags, sites and share codes move to the target. */
@Injectable()
export class MergeService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
    private readonly clinicsService: ClinicsService,
    private readonly merges: MergeRepository,
  ) {}

  /** What a merge would do, as of one moment. */
  report(targetId: string, sourceId: string): Promise<MergeReport> {
    assertTwo(targetId, sourceId);
    return inTransaction(this.connection, async (session) => {
      const source = await this.merges.side(await this.clinics.get(sourceId, session), session);
      const target = await this.merges.side(await this.clinics.get(targetId, session), session);
      return reportOf(planMerge(source, target));
    });
  }

  /**
   * Plans and carries out a merge in one transaction, alone with both clinics, so that what is done is what was planned.
   * @throws {BadRequest} when the plan has problems; they are named
   */
  merge(targetId: string, sourceId: string, caller: Caller): Promise<void> {
    assertTwo(targetId, sourceId);
    return this.clinics.aloneWithBoth(sourceId, targetId, async (source, target, session) => {
      const plan = planMerge(await this.merges.side(source, session), await this.merges.side(target, session));
      if (plan.problems.length > 0) {
        throw new BadRequest(`bad request: the clinics cannot be merged: ${plan.problems.join('; ')}`);
      }
      await this.execute(plan, callerName(caller), session);
    });
  }

  private async execute(plan: MergePlan, mergedBy: string, session: ClientSession): Promise<void> {
    const [source, target] = [plan.source.clinic, plan.target.clinic];
    await this.moveGroups(plan, session);
    await this.movePatients(plan, mergedBy, session);
    await this.merges.moveInvites(source._id, target._id, session);
    await this.moveClinicians(plan, mergedBy, session);
    await this.clinicsService.dismantle(source, mergedBy, session);
    // Only now: no two clinics may have a code at any time.
    await this.clinics.update(
      target._id.toHexString(),
      { $addToSet: { shareCodes: { $each: [...source.shareCodes] } } },
      session,
    );
    await this.merges.keep(recordOf(plan, mergedBy), session);
  }

  private async moveGroups({ tags, sites, target: { clinic } }: MergePlan, session: ClientSession): Promise<void> {
    const moved = tags.filter(({ action }) => action === 'MOVE').map(({ into }) => into);
    const patientTags = [...clinic.patientTags, ...moved];
    const allSites = [...clinic.sites, ...sites.map(({ into }) => into)];
    await this.clinics.update(clinic._id.toHexString(), { $set: { patientTags, sites: allSites } }, session);
  }

  private async movePatients(plan: MergePlan, mergedBy: string, session: ClientSession): Promise<void> {
    const [source, target] = [plan.source.clinic, plan.target.clinic];
    const merging = plan.patients.filter(({ action }) => action === 'MERGE').map(({ patient }) => patient);
    const moving = plan.patients.filter(({ action }) => action === 'MOVE').map(({ patient }) => patient);
    const united = unite(plan, merging);

    await this.merges.regroup(
      target._id,
      united.map(({ after }) => after),
      session,
    );
    await this.merges.removeMerged(
      source._id,
      merging.map(({ userId }) => userId),
      mergedBy,
      session,
    );
    const stay = await this.demoPatientsOf(source._id, moving, session);
    await this.merges.movePatients(source._id, target, stay, plan.tags, plan.sites, session);
    await this.merges.count(target._id, countsOf(plan, moving, united), session);
  }

  /** Whoever is left in the source and is not planned to move: the demo patient, who goes with the clinic. */
  private async demoPatientsOf(
    clinicId: Types.ObjectId,
    moving: readonly MergingPatient[],
    session: ClientSession,
  ): Promise<string[]> {
    const planned = new Set<string>(moving.map(({ userId }) => userId));
    const left = await this.models.patients.distinct('userId', { clinicId }).session(session);
    return left.filter((userId) => !planned.has(userId));
  }

  /** A member of both keeps the roles of the target. An invite of the target to someone who comes as a member is done with. */
  private async moveClinicians(
    { clinicians, target }: MergePlan,
    mergedBy: string,
    session: ClientSession,
  ): Promise<void> {
    const writes = { models: this.models, session };
    const invites = new Map(
      target.clinicians.flatMap((other) => (other.userId === undefined ? [[other.email, other] as const] : [])),
    );
    for (const { clinician, action } of clinicians) {
      if (action === 'MERGE') {
        await removeClinician(writes, clinician, mergedBy);
        continue;
      }
      const invite = clinician.email === undefined ? undefined : invites.get(clinician.email);
      if (invite) await removeClinician(writes, invite, mergedBy);
      await replaceClinician(writes, { ...clinician, clinicId: target.clinic._id, updatedTime: new Date() });
    }
  }
}

function assertTwo(targetId: string, sourceId: string): void {
  if (targetId === sourceId) throw new BadRequest('bad request: a clinic cannot be merged into itself');
}

interface United {
  readonly before: MergingPatient;
  readonly after: MergingPatient;
}

/** Patients of both clinics keep what the target knows of them; tags and sites are those of both. */
function unite(plan: MergePlan, merging: readonly MergingPatient[]): United[] {
  const inTarget = new Map(plan.target.patients.map((patient) => [patient.userId, patient]));
  const translate = translation(plan);
  return merging.flatMap((patient) => {
    const before = inTarget.get(patient.userId);
    if (!before) return [];
    const { tags, sites } = translate(patient);
    const newTags = tags.filter((tag) => !before.tags.some((other) => other.equals(tag)));
    const newSites = sites.filter(({ _id }) => !before.sites.some((other) => other._id.equals(_id)));
    return [
      { before, after: { ...before, tags: [...before.tags, ...newTags], sites: [...before.sites, ...newSites] } },
    ];
  });
}

/** The tags and sites of a patient of the source as they are in the target; those that the source itself no longer has are left out. */
function translation({
  tags,
  sites,
}: MergePlan): (patient: MergingPatient) => { tags: Types.ObjectId[]; sites: PatientSite[] } {
  const tagOf = new Map(tags.map(({ group, into }) => [group._id.toHexString(), into._id]));
  const siteOf = new Map(sites.map(({ group, into }) => [group._id.toHexString(), into]));
  return (patient) => ({
    tags: patient.tags.flatMap((tag) => tagOf.get(tag.toHexString()) ?? []),
    sites: patient.sites.flatMap(({ _id }) => siteOf.get(_id.toHexString()) ?? []),
  });
}

/** What the merge adds to the target's counts. The demo patient is none of those who move. */
function countsOf(
  plan: MergePlan,
  moving: readonly MergingPatient[],
  united: readonly United[],
): Record<string, number> {
  const sum: Record<string, number> = {};
  const add = (before: MergingPatient | undefined, after: MergingPatient) => {
    for (const [path, by] of Object.entries(countsDelta(before, after, () => false))) sum[path] = (sum[path] ?? 0) + by;
  };
  const translate = translation(plan);
  for (const patient of moving) add(undefined, { ...patient, ...translate(patient) });
  for (const { before, after } of united) add(before, after);
  return sum;
}

const recordOf = ({ source, target, tags, sites, clinicians, patients }: MergePlan, mergedBy: string) => ({
  _id: newObjectId(),
  sourceId: source.clinic._id,
  targetId: target.clinic._id,
  tags: tags.map(({ group, into }) => ({ from: group._id, to: into._id })),
  sites: sites.map(({ into }) => into),
  clinicians: clinicians.flatMap(({ clinician: { userId }, action }) =>
    userId === undefined ? [] : [{ userId, action }],
  ),
  patients: patients.map(({ patient: { userId }, action }) => ({ userId, action })),
  mergedBy,
  createdTime: new Date(),
});
