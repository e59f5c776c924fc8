import { clinicModels, objectId, repairCounts, searchFields } from '@caregate/clinic-model/recount';
import { createConnection, Types } from 'mongoose';
import { randomBytes } from 'node:crypto';
import { makeClinic, newPatient, personOf, type Requests } from './requests.ts';

const AT_ONCE = 1_000;
const KNOWN = 100;

export interface FilledClinic {
  readonly id: string;
  /** Some of its patients. */
  readonly patients: readonly string[];
}

/** A clinic of so many patients: the API makes the clinic and a patient, and the others are copies. */
export async function filledClinic(
  requests: Requests,
  uri: string,
  { admin, name, patients }: { admin: string; name: string; patients: number },
): Promise<FilledClinic> {
  const id = await makeClinic(requests, admin, name);
  const model = (await requests.ask(newPatient(id, admin, 0, 'M'))) as { id: string }; // of the contract
  return { id, patients: await copyPatients(uri, { clinicId: id, model: model.id, count: patients - 1 }) };
}

/**
 * Adds copies of a patient that the API has made, by the driver; then counts and sheets are made as the clinic model makes them.
 * @returns user ids of the first hundred
 */
async function copyPatients(
  uri: string,
  { clinicId, model, count }: { clinicId: string; model: string; count: number },
): Promise<string[]> {
  const connection = await createConnection(uri).asPromise();
  try {
    const _id = objectId(clinicId);
    if (!connection.db || !_id) throw new Error('the clinic was just made there');
    const patients = connection.db.collection('patients');
    const original = await patients.findOne({ clinicId: _id, userId: model });
    if (!original) throw new Error('the patient was just made there');
    const known: string[] = [];
    for (let made = 0; made < count; made += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - made) }, (_, n) => {
        const person = personOf(made + n + 1, 'M');
        const userId = randomBytes(5).toString('hex');
        return { ...original, ...person, ...searchFields(person), _id: new Types.ObjectId(), userId };
      });
      await patients.insertMany(some, { ordered: false });
      known.push(...some.slice(0, KNOWN - known.length).map(({ userId }) => userId));
    }
    await repairCounts({ connection, models: clinicModels(connection), isDemo: () => false }, _id);
    return known;
  } finally {
    await connection.close();
  }
}
