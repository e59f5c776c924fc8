import {
  type DataSource,
  isObjectIdText,
  normalEmail,
  objectId,
  type PatientAsKnown,
  type PatientChange,
  type PatientPermissions,
  type PatientSite,
  type Permission,
  type PlainChange,
  type Site,
} from '@caregate/clinic-model';
import type { ClinicInputs } from '@caregate/contracts';
import { Unprocessable } from '@caregate/service/errors';
import type { Types } from 'mongoose';
import { sameName } from '../sites/site-names.ts';

export type PatientInput = ClinicInputs['Patient'];
export type PatientFromUserInput = ClinicInputs['PatientFromUser'];

const PERMISSIONS = ['custodian', 'view', 'upload', 'note'] as const satisfies readonly Permission[];

/** What a clinic may do with the data of a patient whose account it keeps (behaviour, "Patients"). */
export const CUSTODIAL: PatientPermissions = { custodian: {}, view: {}, upload: {}, note: {} };

/** A permission is given when it is there, whatever it holds. */
export function permissionsFrom(given: Readonly<Partial<Record<Permission, unknown>>> = {}): PatientPermissions {
  return Object.fromEntries(
    PERMISSIONS.filter((permission) => given[permission] !== undefined).map((permission) => [permission, {}]),
  );
}

/** What a patient grants: `custodian` is not theirs to give (behaviour, "Patients"). */
export function permissionsFromPatient({
  custodian: _custodian,
  ...given
}: Readonly<Partial<Record<Permission, unknown>>>): PatientPermissions {
  return permissionsFrom(given);
}

export const isCustodial = ({ permissions }: { readonly permissions: PatientPermissions }) =>
  permissions.custodian !== undefined;

/**
 * What an update of a patient says. Email, MRN and devices that are not sent are taken away; tags, sites, data sources, ranges and
 * diagnosis that are not sent stay, for clients that do not know them (as the public service does).
 */
export function detailsOf(input: PatientInput, sites: readonly Site[]): PatientChange {
  return {
    fullName: input.fullName,
    birthDate: input.birthDate,
    email: emailFrom(input.email),
    mrn: input.mrn,
    targetDevices: input.targetDevices,
    ...(input.dataSources && {
      dataSources: input.dataSources.length > 0 ? dataSourcesFrom(input.dataSources) : undefined,
    }),
    ...labelsOf(input, sites),
  };
}

/**
 * How the patient must be for an update to be one of plain fields only. Undefined when that is not so for anybody: what a clinic demands
 * of an MRN that is not there, and what data sources become, needs a look.
 */
export function asKnown(clinicId: Types.ObjectId, userId: string, input: PatientInput): PatientAsKnown | undefined {
  const { mrn, email, tags, sites, dataSources } = input;
  if (mrn === undefined || mrn === '' || dataSources) return undefined;
  if (sites?.some(({ id }) => !isObjectIdText(id))) return undefined;
  return {
    ...{ clinicId, userId, mrn, email: emailFrom(email) },
    ...(tags && { tags: idsFrom(tags) }),
    ...(sites && { siteIds: idsFrom(sites.map(({ id }) => id)) }),
  };
}

/** The plain fields of an update, as `detailsOf` has them. */
export function plainChange(input: PatientInput): PlainChange {
  const { fullName, birthDate, targetDevices, glycemicRanges, diagnosisType } = input;
  return {
    ...{ fullName, birthDate, targetDevices, updatedTime: new Date() },
    ...labelsOf({ glycemicRanges, diagnosisType }, []),
  };
}

/** As it is kept. */
export const emailFrom = (email: string | undefined) => (email === undefined ? undefined : normalEmail(email));

type Labels = Pick<PatientInput, 'tags' | 'sites' | 'glycemicRanges' | 'diagnosisType'>;

/** What a clinic says about a patient rather than the patient about themselves. */
export function labelsOf(
  { tags, sites: given, glycemicRanges, diagnosisType }: Labels,
  sites: readonly Site[],
): PatientChange {
  return {
    ...(tags && { tags: idsFrom(tags) }),
    ...(given && { sites: sitesFrom(given, sites) }),
    ...(glycemicRanges && { glycemicRanges }),
    ...(diagnosisType !== undefined && { diagnosisType }),
  };
}

export function dataSourcesFrom(sources: readonly ClinicInputs['DataSource'][]): DataSource[] {
  return sources.map(({ state, providerName, dataSourceId, modifiedTime, expirationTime, latestDataTime }) => ({
    ...present('dataSourceId', dataSourceId === undefined ? undefined : objectId(dataSourceId)),
    providerName,
    state,
    ...present('modifiedTime', dateFrom(modifiedTime)),
    ...present('expirationTime', dateFrom(expirationTime)),
    ...present('latestDataTime', dateFrom(latestDataTime)),
  }));
}

/**
 * The sites of the clinic that are meant, by id or else by name, each once and as the clinic has them.
 * @throws {Unprocessable} for a site that the clinic does not have: nobody could rename or delete it
 */
function sitesFrom(given: readonly { id: string; name: string }[], sites: readonly Site[]): PatientSite[] {
  const meant = given.map(({ id, name }) => {
    const site = sites.find(({ _id }) => _id.toHexString() === id) ?? sites.find((each) => sameName(each.name, name));
    if (!site) throw new Unprocessable('the clinic has no such site: read its sites again');
    return site;
  });
  return [...new Set(meant)].map(({ _id, name }) => ({ _id, name }));
}

export const idsFrom = (texts: readonly string[]): Types.ObjectId[] => texts.map((text) => objectId(text));

const dateFrom = (text: string | undefined) => (text === undefined ? undefined : new Date(text));
const present = <K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } =>
  (value === undefined ? {} : { [key]: value }) as { [key in K]?: T }; // a computed key is a text to TypeScript
