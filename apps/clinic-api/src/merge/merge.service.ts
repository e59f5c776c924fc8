import { Inject, Injectable } from '@nestjs/common';
import { type Caller, callerName } from '@caregate/access';
import {
  brokenPatientRule,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicMergeDocument,
  type ClinicModels,
  newObjectId,
  removeClinician,
  replaceClinician,
} from '@caregate/clinic-model';
import { BadRequest, Conflict, inTransaction, MONGO, NotFound } from '@caregate/service';
import type { ClientSession, Connection } from 'mongoose';
import { ClinicsRepository } from '../clinics/clinics.repository.ts';
import { ClinicsService } from '../clinics/clinics.service.ts';
import { type MergePlan, planMerge } from './merge-plan.ts';
import { MergeRepository } from './merge.repository.ts';
import { type MergeReport, reportOf } from './merge-report.ts';
import { moveOf } from './patient-move.ts';
import { ServedClinics } from '../served-clinics.ts';

/** So many patients move in one transaction: each has a hundred entries in indexes, and MongoDB keeps a transaction in memory. */
const AT_ONCE = 200;

/**
 * Makes one clinic out of two: the source's patients, clinicians, tags, sites and share codes move to the target.
 *
 * A small clinic does so in one transaction. A large one goes step by step: first its clinicians, tags and sites, then its patients,
 * some at a time, each of them at every moment in exactly one of the clinics and counted there; when none is left it is deleted.
 * The merge is written down from its first step, so that after a crash the same request goes on where it stopped.
 */
@Injectable()
export class MergeService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
    private readonly clinicsService: ClinicsService,
    private readonly merges: MergeRepository,
    private readonly served: ServedClinics,
  ) {}

  /** What a merge would do, as of one moment. */
  async report(targetId: string, sourceId: string): Promise<MergeReport> {
    assertTwo(targetId, sourceId);
    await this.served.assertServed(targetId, sourceId);
    return inTransaction(this.connection, async (session) => {
      const source = await this.merges.side(await this.clinics.get(sourceId, session), session);
      const target = await this.merges.side(await this.clinics.get(targetId, session), session);
      return reportOf(planMerge(source, target));
    });
  }

  /**
   * @throws {BadRequest} when the plan has problems; they are named, and nothing is changed
   * @throws {Conflict} while one of the clinics takes part in another merge
   */
  async merge(targetId: string, sourceId: string, caller: Caller): Promise<void> {
    assertTwo(targetId, sourceId);
    await this.served.assertServed(targetId, sourceId);
    const merge = await this.clinics.aloneWithBoth(sourceId, targetId, async (source, target, session) => {
      const begun =
        (await this.resumed(source, target, session)) ?? (await this.begin(source, target, caller, session));
      return (await this.finish(begun, source, session)) ? undefined : begun;
    });
    if (merge) await this.carryOn(merge);
  }

  private async carryOn(merge: ClinicMergeDocument): Promise<void> {
    const [sourceId, targetId] = [merge.sourceId.toHexString(), merge.targetId.toHexString()];
    try {
      for (let isDone = false; !isDone;) {
        while ((await inTransaction(this.connection, (session) => this.moveSome(merge, session))) > 0);
        isDone = await this.clinics.aloneWithBoth(sourceId, targetId, (source, _target, session) =>
          this.finish(merge, source, session),
        );
      }
    } catch (error) {
      // The same request, sent twice, may have come to the end in the other.
      if (!(error instanceof NotFound) || !(await this.merges.isDone(merge))) throw error;
    }
  }

  private async resumed(source: ClinicDocument, target: ClinicDocument, session: ClientSession) {
    const moving = await this.merges.moving([source._id, target._id], session);
    if (moving && !(moving.sourceId.equals(source._id) && moving.targetId.equals(target._id))) {
      throw new Conflict('one of the clinics takes part in another merge; repeat that one until it is done');
    }
    return moving;
  }

  private async begin(source: ClinicDocument, target: ClinicDocument, caller: Caller, session: ClientSession) {
    const plan = planMerge(await this.merges.side(source, session), await this.merges.side(target, session));
    if (plan.problems.length > 0) {
      throw new BadRequest(`bad request: the clinics cannot be merged: ${plan.problems.join('; ')}`);
    }
    const merge = mergeOf(plan, callerName(caller));
    await this.merges.begin(merge, session);
    await this.moveGroups(plan, session);
    await this.merges.moveInvites(source._id, target._id, session);
    await this.moveClinicians(plan, merge.mergedBy, session);
    return merge;
  }

  /** Moves what is left if that is little, and deletes the source when nothing is. Alone with both clinics. Says whether it is done. */
  private async finish(merge: ClinicMergeDocument, source: ClinicDocument, session: ClientSession): Promise<boolean> {
    if ((await this.merges.countUpTo(source._id, AT_ONCE + 1, session)) > AT_ONCE) return false;
    await this.moveSome(merge, session);
    await this.clinicsService.dismantle(source, merge.mergedBy, session);
    // Only now: no two clinics may have a code at any time.
    const shareCodes = { $each: [...source.shareCodes] };
    await this.clinics.update(merge.targetId.toHexString(), { $addToSet: { shareCodes } }, session);
    await this.merges.note(merge, { $set: { state: 'done', doneTime: new Date() } }, session);
    return true;
  }

  /** Gives how many. */
  private async moveSome(merge: ClinicMergeDocument, session: ClientSession): Promise<number> {
    const target = await this.clinics.get(merge.targetId.toHexString(), session);
    const patients = await this.merges.some(merge.sourceId, AT_ONCE, session);
    const userIds = patients.map(({ userId }) => userId);
    const move = moveOf(merge, target, patients, await this.merges.known(target._id, userIds, session));
    await this.merges.count(merge.sourceId, move.sourceDelta, session);
    await this.merges.count(target._id, move.targetDelta, session);
    await this.merges.remove(move.removed, merge.mergedBy, session);
    await this.merges.rewrite(move.rewritten, session).catch(tellTakenMrn);
    await this.merges.note(merge, { $inc: { patients: patients.length, merged: move.removed.length } }, session);
    return patients.length;
  }

  private async moveGroups({ tags, sites, target: { clinic } }: MergePlan, session: ClientSession): Promise<void> {
    const moved = tags.filter(({ action }) => action === 'MOVE').map(({ into }) => into);
    const patientTags = [...clinic.patientTags, ...moved];
    const allSites = [...clinic.sites, ...sites.map(({ into }) => into)];
    await this.clinics.update(clinic._id.toHexString(), { $set: { patientTags, sites: allSites } }, session);
  }

  /** A member of both keeps the roles of the target. An invite of the target to someone who comes as a member is done with. */
  private async moveClinicians(plan: MergePlan, mergedBy: string, session: ClientSession): Promise<void> {
    const writes = { models: this.models, session };
    const { clinic, clinicians } = plan.target;
    const invites = new Map(
      clinicians.flatMap((other) => (other.userId === undefined ? [[other.email, other] as const] : [])),
    );
    for (const { clinician, action } of plan.clinicians) {
      if (action === 'MERGE') {
        await removeClinician(writes, clinician, mergedBy);
        continue;
      }
      const invite = clinician.email === undefined ? undefined : invites.get(clinician.email);
      if (invite) await removeClinician(writes, invite, mergedBy);
      await replaceClinician(writes, { ...clinician, clinicId: clinic._id, updatedTime: new Date() });
    }
  }
}

function assertTwo(targetId: string, sourceId: string): void {
  if (targetId === sourceId) throw new BadRequest('bad request: a clinic cannot be merged into itself');
}

/** The plan saw to it that MRNs stay unique; since then somebody may have given one. */
function tellTakenMrn(error: unknown): never {
  if (brokenPatientRule(error) !== 'sameMrn') throw error;
  throw new BadRequest(
    'bad request: MRN uniqueness error: a patient of the source was given an MRN that the target has; change it and repeat the merge, which goes on where it stopped',
  );
}

const mergeOf = ({ source, target, tags, clinicians }: MergePlan, mergedBy: string): ClinicMergeDocument => ({
  _id: newObjectId(),
  sourceId: source.clinic._id,
  targetId: target.clinic._id,
  state: 'moving',
  tags: tags.map(({ group, into }) => ({ from: group._id, to: into._id })),
  clinicians: clinicians.flatMap(({ clinician: { userId }, action }) =>
    userId === undefined ? [] : [{ userId, action }],
  ),
  patients: 0,
  merged: 0,
  mergedBy,
  createdTime: new Date(),
});
