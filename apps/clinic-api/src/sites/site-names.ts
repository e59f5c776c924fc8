import { fold, type Site } from '@caregate/clinic-model';
import { Conflict, Unprocessable } from '@caregate/service';

export const MOST_SITES = 50;

/** Names of sites are compared without case (behaviour, "Patients"). */
export const sameName = (one: string, other: string) => fold(one) === fold(other);

/**
 * Says whether a clinic may have a site of this name; `own` is the site that is renamed. Case makes no difference (behaviour, "Patients").
 * @throws {Conflict} when another site has it
 */
export function assertNameIsFree(sites: readonly Site[], name: string, own?: Site): void {
  const taken = sites.some((site) => site !== own && sameName(site.name, name));
  if (taken) throw new Conflict('duplicate site name: another site of the clinic has this name');
}

export const isFull = (sites: readonly Site[]) => sites.length >= MOST_SITES;

/** @throws {Unprocessable} when the clinic has as many sites as it may have */
export function assertRoomForSite(sites: readonly Site[]): void {
  if (isFull(sites))
    throw new Unprocessable(`constraint violation: the clinic already has the maximum number of ${MOST_SITES} sites`);
}

/** The name itself when it is free, else with ` (2)`, ` (3)`, … behind it (behaviour, "Patients"). */
export function freeName(sites: readonly Site[], name: string): string {
  let candidate = name;
  while (sites.some((site) => sameName(site.name, candidate))) candidate = numbered(candidate);
  return candidate;
}

function numbered(name: string): string {
  const [, base = name, number = '1'] = / \((\d{1,9})\)$/.test(name) ? (/^(.*) \((\d{1,9})\)$/s.exec(name) ?? []) : [];
  return `${base} (${Number(number) + 1})`;
}
