import { Inject, Injectable } from '@nestjs/common';
import {
  CLINIC_MODELS,
  type ClinicDocument,
  type ClinicModels,
  forgetCounts,
  moveSite,
  newObjectId,
  readCounts,
  removeSite,
  renameSite,
  type Site,
  turnTagIntoSite,
} from '@caregate/clinic-model';
import { BadRequest, Conflict, NotFound, Unprocessable } from '@caregate/service';
import type { ClientSession } from 'mongoose';
import { siteView } from '../clinics/clinic.view.ts';
import { ClinicsRepository } from '../clinics/clinics.repository.ts';
import { tagOf, withoutTag } from '../tags/tags.service.ts';
import { assertNameIsFree, assertRoomForSite, freeName, isFull } from './site-names.ts';

/** A clinic's sites. Patients carry their names, so what changes here reaches them in the same transaction. */
@Injectable()
export class SitesService {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    private readonly clinics: ClinicsRepository,
  ) {}

  create(clinicId: string, name: string) {
    return this.clinics.inTurn(clinicId, async ({ sites }, session) => {
      const site: Site = { _id: newObjectId(), name };
      assertNameIsFree(sites, name);
      assertRoomForSite(sites);
      await this.clinics.update(clinicId, { $set: { sites: [...sites, site] } }, session);
      return siteView(site);
    });
  }

  rename(clinicId: string, siteId: string, name: string) {
    return this.clinics.alone(clinicId, async (clinic, session) => {
      const site = siteOf(clinic, siteId);
      assertNameIsFree(clinic.sites, name, site);
      if (!site) throw new Unprocessable('constraint violation: the clinic has no such site'); // as the public service
      const renamed: Site = { _id: site._id, name };
      const sites = clinic.sites.map((other) => (other === site ? renamed : other));
      await this.clinics.update(clinicId, { $set: { sites } }, session);
      await renameSite(this.writes(clinic, session), renamed);
      return this.view(clinic, renamed, session);
    });
  }

  delete(clinicId: string, siteId: string): Promise<void> {
    return this.clinics.alone(clinicId, async (clinic, session) => {
      const site = siteOf(clinic, siteId) ?? noSite();
      await this.clinics.update(clinicId, { $set: { sites: without(clinic.sites, site) } }, session);
      const writes = this.writes(clinic, session);
      await removeSite(writes, site._id);
      await forgetCounts(writes, [`sites.${siteId}`]);
    });
  }

  /** Moves the patients of another site here and deletes that site. */
  merge(clinicId: string, targetId: string, sourceId: string) {
    if (sourceId === targetId) throw new BadRequest('bad request: a site cannot be merged into itself');
    return this.clinics.alone(clinicId, async (clinic, session) => {
      const target = siteOf(clinic, targetId) ?? noSite();
      const source = siteOf(clinic, sourceId) ?? noSite();
      await this.clinics.update(clinicId, { $set: { sites: without(clinic.sites, source) } }, session);
      const writes = this.writes(clinic, session);
      await moveSite(writes, source._id, target);
      await forgetCounts(writes, [`sites.${sourceId}`]);
      return this.view(clinic, target, session);
    });
  }

  /** Makes a site of a tag: the patients that carry it belong to the site, and the tag is gone. */
  convertTag(clinicId: string, tagId: string) {
    return this.clinics.alone(clinicId, async (clinic, session) => {
      const tag = tagOf(clinic, tagId);
      if (isFull(clinic.sites))
        throw new Conflict('the clinic already has the maximum number of sites; delete or merge some first');
      const site: Site = { _id: newObjectId(), name: freeName(clinic.sites, tag.name) };
      await this.clinics.update(
        clinicId,
        { $set: { ...withoutTag(clinic, tag), sites: [...clinic.sites, site] } },
        session,
      );
      const writes = this.writes(clinic, session);
      await turnTagIntoSite(writes, tag._id, site);
      await forgetCounts(writes, [`tags.${tagId}`]);
      return this.view(clinic, site, session);
    });
  }

  private async view({ _id }: ClinicDocument, site: Site, session: ClientSession) {
    return siteView(site, await readCounts(this.models, _id, session));
  }

  private readonly writes = ({ _id: clinicId }: ClinicDocument, session: ClientSession) => ({
    models: this.models,
    session,
    clinicId,
  });
}

const siteOf = ({ sites }: ClinicDocument, siteId: string) => sites.find(({ _id }) => _id.toHexString() === siteId);
const without = (sites: readonly Site[], site: Site) => sites.filter((other) => other !== site);

function noSite(): never {
  throw new NotFound('the clinic has no such site: not found');
}
