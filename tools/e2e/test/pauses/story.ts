import { type PauseRun } from './pause-run.ts';
import { Seeded } from './seeded.ts';

export interface Pauses {
  readonly seed: number;
  readonly rounds: number;
  /** The first that is played; those before it are drawn all the same. */
  readonly from: number;
  /** For how long parts sleep, in seconds; 0 kills them. */
  readonly seconds: readonly number[];
}

/** Lets parts sleep and die by lot, and says what was acknowledged and is not so in the end. */
export async function endure(run: PauseRun, { seed, rounds, from, seconds }: Pauses): Promise<string[]> {
  const lot = new Seeded(seed);
  console.log(`the seed is ${seed}`);
  run.start();
  for (let round = 1; round <= rounds; round++) {
    const fault = run.draw(lot, seconds);
    const pause = lot.below(3_000);
    if (round < from) continue;
    console.log(`round ${round}: ${fault.part} ${fault.seconds === 0 ? 'is killed' : `sleeps for ${fault.seconds} s`}`);
    await run.suffer(fault, pause);
  }
  const home = await run.settle();
  const differences = [...run.traffic.unexpected, ...(await run.differences(home))];
  console.log(
    `figure: ${rounds - from + 1} faults by seed ${seed}, ${run.moves} moves, ${run.acknowledged} writes acknowledged, ${differences.length} not so`,
  );
  return differences;
}
