import { randomInt } from 'node:crypto';
import { checkCounts, type ClinicDocument, objectId, type PatientDocument } from '@caregate/clinic-model';
import type { ClinicClient } from '@caregate/contracts';
import { answered, type Harness, newClinic, startHarness } from './harness.ts';

/** So many transactions in each other's way take minutes on a machine that is busy with other tests. */
const PATIENTLY = 600_000;
const OPERATIONS = 2_000;
const AT_ONCE = 16;
/** Operations on all patients are a few of all. */
const RARE_PERCENT = 4;

type Step = () => Promise<unknown>;

/** A random source that can be run again: the same seed gives the same operations, though not the same interleaving. */
function randomness(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const one = <T>(list: readonly T[]): T | undefined => list[below(list.length)];
  return { below, one, some: <T>(list: readonly T[]) => list.filter(() => next() < 0.4) };
}

/** One clinic and what can be done to it; operations may hit what another has just taken away. */
class Busy {
  private readonly patients: string[] = [];
  private serial = 0;
  readonly refusals = new Map<string, number>();
  constructor(
    private readonly service: ClinicClient,
    private readonly clinicId: string,
    private readonly random: ReturnType<typeof randomness>,
  ) {}

  async setUp(): Promise<void> {
    for (let i = 0; i < 6; i++) await Promise.all([this.createTag(), this.createSite()]);
    for (let i = 0; i < 20; i++) await this.create();
  }

  /** Most of the time single patients are written, now and then all of them. */
  step(): Promise<unknown> {
    const { random } = this;
    const step = random.one(random.below(100) < RARE_PERCENT ? this.rare : this.common) ?? this.create;
    return step.call(this);
  }

  private readonly common = [
    this.create,
    this.create,
    this.update,
    this.update,
    this.remove,
    this.connect,
    this.tagSome,
    this.untagSome,
  ];
  private readonly rare: readonly Step[] = [
    this.tagAll,
    this.untagAll,
    this.renameSite,
    this.renameSite,
    this.deleteSite,
    this.mergeSites,
    this.convertTag,
    this.deleteTag,
    this.createTag,
    this.createSite,
  ];

  private async create() {
    const { data } = await this.did(
      'create',
      this.service.POST('/v1/clinics/{clinicId}/patients', {
        ...this.here(),
        body: { ...(await this.details()), mrn: this.name('M') },
      }),
    );
    if (data) this.patients.push(data.id);
  }

  private async update() {
    const [patient, body] = [this.patient(), await this.details()];
    return this.did('update', this.service.PUT('/v1/clinics/{clinicId}/patients/{patientId}', { ...patient, body }));
  }

  private remove() {
    const patient = this.patient();
    if (this.patients.length < 10) return this.create();
    this.patients.splice(this.patients.indexOf(patient.params.path.patientId), 1);
    return this.did('remove', this.service.DELETE('/v1/clinics/{clinicId}/patients/{patientId}', patient));
  }

  private connect() {
    const sources = [
      { providerName: 'dexcom', state: 'connected' },
      { providerName: 'twiist', state: 'error' },
      { providerName: 'dexcom', state: 'pending' },
    ];
    const userId = this.patient().params.path.patientId;
    const body = this.random.some(sources) as never; // the states are among those of the contract
    return this.did(
      'connect',
      this.service.PUT('/v1/patients/{userId}/data_sources', { params: { path: { userId } }, body }),
    );
  }

  private async tagSome() {
    const body = this.someIds();
    return this.did(
      'assign',
      this.service.POST('/v1/clinics/{clinicId}/patients/assign_tag/{patientTagId}', { ...(await this.tag()), body }),
    );
  }

  private async untagSome() {
    const body = this.someIds();
    return this.did(
      'take',
      this.service.POST('/v1/clinics/{clinicId}/patients/delete_tag/{patientTagId}', { ...(await this.tag()), body }),
    );
  }

  private async tagAll() {
    return this.did(
      'assign all',
      this.service.POST('/v1/clinics/{clinicId}/patients/assign_tag/{patientTagId}', {
        ...(await this.tag()),
        body: null,
      }),
    );
  }

  private async untagAll() {
    return this.did(
      'take all',
      this.service.POST('/v1/clinics/{clinicId}/patients/delete_tag/{patientTagId}', {
        ...(await this.tag()),
        body: null,
      }),
    );
  }

  private async renameSite() {
    const site = await this.site();
    return this.did(
      'rename',
      this.service.PUT('/v1/clinics/{clinicId}/sites/{siteId}', {
        ...site,
        body: { id: site.params.path.siteId, name: this.name('S') },
      }),
    );
  }

  private async deleteSite() {
    return this.did('delete site', this.service.DELETE('/v1/clinics/{clinicId}/sites/{siteId}', await this.site()));
  }

  private async mergeSites() {
    const [into, from] = [await this.site(), await this.site()];
    return this.did(
      'merge',
      this.service.POST('/v1/clinics/{clinicId}/sites/{siteId}/merge', {
        ...into,
        body: { id: from.params.path.siteId },
      }),
    );
  }

  private async convertTag() {
    return this.did(
      'convert',
      this.service.POST('/v1/clinics/{clinicId}/patient_tags/{patientTagId}/site', await this.tag()),
    );
  }

  private async deleteTag() {
    return this.did(
      'delete tag',
      this.service.DELETE('/v1/clinics/{clinicId}/patient_tags/{patientTagId}', await this.tag()),
    );
  }

  private createTag() {
    return this.did(
      'tag',
      this.service.POST('/v1/clinics/{clinicId}/patient_tags', { ...this.here(), body: { name: this.name('T') } }),
    );
  }

  private createSite() {
    return this.did(
      'site',
      this.service.POST('/v1/clinics/{clinicId}/sites', { ...this.here(), body: { name: this.name('S') } }),
    );
  }

  /** Refusals are part of it: a tag may just have gone. Faults are not. */
  private async did<T extends { response: Response; error?: unknown }>(
    what: string,
    operation: Promise<T>,
  ): Promise<T> {
    const result = await operation;
    const { status } = result.response;
    if (status >= 500) throw new Error(`${what}: ${status} ${JSON.stringify(result.error)}`);
    if (status >= 400) this.refusals.set(`${what} ${status}`, (this.refusals.get(`${what} ${status}`) ?? 0) + 1);
    return result;
  }

  private async details() {
    const { patientTags = [], sites = [] } = await this.clinic();
    const tags = this.random.some(patientTags).map(({ id }) => id);
    const given = this.random.some(sites).map(({ id, name }) => ({ id, name }));
    return { fullName: this.name('Pat'), birthDate: '1990-01-01', mrn: this.name('M'), tags, sites: given };
  }

  private async clinic() {
    return answered(await this.service.GET('/v1/clinics/{clinicId}', this.here()));
  }

  private async tag() {
    const { patientTags = [] } = await this.clinic();
    return {
      params: { path: { clinicId: this.clinicId, patientTagId: this.random.one(patientTags)?.id ?? '0'.repeat(24) } },
    };
  }

  private async site() {
    const { sites = [] } = await this.clinic();
    return { params: { path: { clinicId: this.clinicId, siteId: this.random.one(sites)?.id ?? '0'.repeat(24) } } };
  }

  private readonly here = () => ({ params: { path: { clinicId: this.clinicId } } });
  private readonly patient = () => ({
    params: { path: { clinicId: this.clinicId, patientId: this.random.one(this.patients) ?? '0'.repeat(10) } },
  });
  private someIds(): string[] {
    const ids = this.random.some(this.patients.slice(-20));
    return ids.length > 0 ? ids : ['0'.repeat(10)];
  }
  private readonly name = (prefix: string) => `${prefix}${this.serial++}`;
}

let harness: Harness;
beforeAll(async () => void (harness = await startHarness()));
afterAll(() => harness.close());

test(
  'after thousands of operations at once the counts are what one counts, and every patient knows the names of their sites',
  async () => {
    const seed = randomInt(2 ** 31);
    const { id } = await newClinic(harness.newUser().api, { country: 'AU' });
    const clinicId = objectId(id);
    const busy = new Busy(harness.asService(), id, randomness(seed));
    await busy.setUp();

    let left = OPERATIONS;
    const worker = async () => {
      while (left-- > 0) await busy.step();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));

    const { connection, models } = harness;
    const drift = await checkCounts({ connection, models, isDemo: () => false }, clinicId);
    expect({ seed, drift }).toEqual({ seed, drift: [] });
    const clinic = await models.clinics.findById(clinicId).lean<ClinicDocument>().orFail();
    const patients = await models.patients.find({ clinicId }).lean<PatientDocument[]>();
    const names = new Map(clinic.sites.map(({ _id, name }) => [_id.toHexString(), name]));
    const stale = patients.flatMap(({ sites }) =>
      sites.filter(({ _id, name }) => names.get(_id.toHexString()) !== name),
    );
    expect({ seed, stale }).toEqual({ seed, stale: [] });
    expect(patients.length).toBeGreaterThan(20);
  },
  PATIENTLY,
);
