import {
  checkCounts,
  type ClinicModels,
  clinicModels,
  type Drift,
  isObjectIdText,
  objectId,
  type Recounting,
  repairCounts,
} from '@caregate/clinic-model/recount';
import { Command } from 'commander';
import type { Types } from 'mongoose';
import { CommandFailed } from '../command-failed.ts';
import { withDatabase } from '../with-database.ts';

type Recount = (recounting: Recounting, clinicId: Types.ObjectId) => Promise<readonly Drift[]>;

/** `caregate counts …`: the figures that are kept of each clinic, against its patients. */
export function countsCommand(): Command {
  const group = new Command('counts')
    .description(
      'Patient, tag and site counts of clinics, and by what patients are found: are they what a recount gives?',
    )
    .addHelpText('after', '\nThe shard is the one of MONGODB_URI; DEMO_PATIENT_USER_ID must be the apps’.');
  group
    .command('check')
    .description('recount and report what differs; exits 1 when something does')
    .argument('[clinicIds...]', 'only these clinics; all of the shard when none is named')
    .option('--json', 'one JSON object a line: {"clinicId", "figure", "kept", "counted"}')
    .action((ids: string[], { json }: { json?: boolean }) =>
      recountClinics(ids, checkCounts, { word: 'to mend', json }),
    );
  group
    .command('repair')
    .description('recount, report what differs, and keep what was counted')
    .argument('[clinicIds...]', 'only these clinics; all of the shard when none is named')
    .option('--json', 'one JSON object a line: {"clinicId", "figure", "kept", "counted"}')
    .action((ids: string[], { json }: { json?: boolean }) =>
      recountClinics(ids, repairCounts, { word: 'mended', json }),
    );
  return group;
}

interface Report {
  readonly word: 'to mend' | 'mended';
  readonly json: boolean | undefined;
}

async function recountClinics(ids: readonly string[], recount: Recount, { word, json }: Report): Promise<void> {
  const wanted = ids.map(clinicIdOf);
  const figures = await withDatabase('MONGODB_URI', async (connection) => {
    const models = clinicModels(connection);
    const demo = process.env['DEMO_PATIENT_USER_ID'];
    const recounting = { connection, models, isDemo: (userId: string) => userId === demo };
    let [clinics, drifted] = [0, 0];
    for await (const clinicId of wanted.length > 0 ? wanted : allClinics(models)) {
      const drift = await recount(recounting, clinicId);
      for (const { figure, kept, counted } of drift) {
        const id = clinicId.toHexString();
        say(
          json
            ? JSON.stringify({ clinicId: id, figure, kept, counted })
            : `${id}  ${figure}: kept ${kept}, counted ${counted}`,
        );
      }
      clinics += 1;
      drifted += drift.length;
    }
    if (!json) say(`clinics: ${clinics} recounted, ${drifted} figures ${word}`);
    return drifted;
  });
  if (figures > 0 && word === 'to mend')
    throw new CommandFailed('counts have drifted; caregate counts repair mends them');
}

async function* allClinics(models: ClinicModels): AsyncGenerator<Types.ObjectId> {
  const clinics = models.clinics.collection.find({}, { projection: { _id: 1 } }).sort({ _id: 1 });
  for await (const { _id } of clinics) yield _id;
}

function clinicIdOf(text: string): Types.ObjectId {
  if (!isObjectIdText(text)) throw new CommandFailed(`${JSON.stringify(text)} is no clinic id: that is 24 hex digits`);
  return objectId(text);
}

const say = (line: string) => process.stdout.write(`${line}\n`);
