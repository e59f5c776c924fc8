import { Inject, Injectable } from '@nestjs/common';
import {
  assignTag,
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  type GroupWrites,
  newObjectId,
  type PatientTag,
  readCounts,
  removeTag,
} from '@caregate/clinic-model';
import { inTransaction, MONGO, NotFound } from '@caregate/service';
import type { ClientSession, Connection } from 'mongoose';
import { tagView } from '../clinics/clinic.view.ts';
import { ClinicsRepository, idOf } from '../clinics/clinics.repository.ts';
import { assertNameIsFree, assertRoomForTag } from './tag-names.ts';

/** A clinic's patient tags, and which patients carry them. */
@Injectable()
export class TagsService {
  constructor(
    @Inject(MONGO) private readonly connection: Connection,
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
  ) {}

  create(clinicId: string, name: string) {
    return this.clinics.inTurn(clinicId, async ({ patientTags }, session) => {
      const tag: PatientTag = { _id: newObjectId(), name: name.trim() };
      assertRoomForTag(patientTags);
      assertNameIsFree(patientTags, tag.name);
      await this.clinics.update(clinicId, { $set: { patientTags: [...patientTags, tag] } }, session);
      return tagView(tag);
    });
  }

  rename(clinicId: string, tagId: string, name: string) {
    return this.clinics.inTurn(clinicId, async (clinic, session) => {
      const tag = tagOf(clinic, tagId);
      assertNameIsFree(clinic.patientTags, name, tag);
      const renamed: PatientTag = { _id: tag._id, name: name.trim() };
      const patientTags = clinic.patientTags.map((other) => (other === tag ? renamed : other));
      await this.clinics.update(clinicId, { $set: { patientTags } }, session);
      return tagView(renamed, await readCounts(this.models, clinic._id, session));
    });
  }

  /** Patients carry the tag until the worker has taken it from them; nobody sees its count any more. Gone already is as good. */
  delete(clinicId: string, tagId: string): Promise<void> {
    // Alone, or a patient that is just being added could still come with it.
    return this.clinics.alone(clinicId, async (clinic, session) => {
      const tag = clinic.patientTags.find(({ _id }) => _id.toHexString() === tagId);
      if (!tag) return;
      await this.clinics.update(clinicId, { $set: withoutTag(clinic, tag) }, session);
    });
  }

  /** To these patients, or to all of the clinic. */
  assign(clinicId: string, tagId: string, userIds: readonly string[] | undefined): Promise<void> {
    return this.inClinic(clinicId, userIds, async (clinic, writes) => {
      await assignTag(writes, tagOf(clinic, tagId)._id, userIds);
    });
  }

  /** From these patients, or from all of the clinic; also a tag that the clinic has no longer. */
  remove(clinicId: string, tagId: string, userIds: readonly string[] | undefined): Promise<void> {
    return this.inClinic(clinicId, userIds, async (_clinic, writes) => {
      await removeTag(writes, idOf(tagId), userIds);
    });
  }

  /** What reaches many patients is alone with the clinic: writers of single patients would keep it from ever coming through. */
  private inClinic(
    clinicId: string,
    userIds: readonly string[] | undefined,
    work: (clinic: ClinicDocument, writes: GroupWrites) => Promise<void>,
  ): Promise<void> {
    const inSession = (clinic: ClinicDocument, session: ClientSession) =>
      work(clinic, { models: this.models, session, clinicId: clinic._id });
    if (userIds === undefined || userIds.length > FEW) return this.clinics.alone(clinicId, inSession);
    return inTransaction(this.connection, async (session) =>
      inSession(await this.clinics.get(clinicId, session), session),
    );
  }
}

const FEW = 20;

/** The clinic's fields once a tag is gone. */
export const withoutTag = ({ patientTags }: ClinicDocument, tag: PatientTag) => ({
  patientTags: patientTags.filter((other) => other !== tag),
  lastDeletedPatientTag: tag,
});

/** @throws {NotFound} when the clinic has no such tag */
export function tagOf({ patientTags }: ClinicDocument, tagId: string): PatientTag {
  const tag = patientTags.find(({ _id }) => _id.toHexString() === tagId);
  if (!tag) throw new NotFound('unable to find patient tag: not found');
  return tag;
}
