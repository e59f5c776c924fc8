import type { Step, World } from './story.ts';

export interface Told {
  title: string;
  took: number;
  failure?: string;
}

/** Plays the steps in order, says each as it happens, and stops at the first that is not seen. */
export async function tell(steps: readonly Step[], world: World, say: (line: string) => void): Promise<Told[]> {
  const told: Told[] = [];
  for (const [index, { title, play }] of steps.entries()) {
    const started = performance.now();
    const number = `${index + 1}`.padStart(2);
    try {
      const { sent, received } = await play(world);
      const took = performance.now() - started;
      told.push({ title, took });
      say(`${number}. ${title}  (${took.toFixed(0)} ms)\n${indented('→', sent)}\n${indented('←', received)}\n`);
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      told.push({ title, took: performance.now() - started, failure });
      say(`${number}. ${title}  NOT SEEN\n${indented('!', failure)}\n`);
      return told;
    }
  }
  return told;
}

const MAX_LINE = 220;

const indented = (mark: string, text: string) =>
  text
    .split('\n')
    .map(
      (line, index) =>
        `      ${index === 0 ? mark : ' '} ${line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line}`,
    )
    .join('\n');
