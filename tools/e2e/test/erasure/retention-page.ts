/** A row of the page on retention. */
export interface Row {
  readonly place: 'clinic' | 'gatekeeper' | 'directory' | 'topic';
  readonly name: string;
  /** After how long it is emptied by itself; undefined where something else ends it. */
  readonly seconds: number | undefined;
  /** Persons can be found there after they were erased, until then. */
  readonly remains: boolean;
}

const SECTIONS: Readonly<Record<string, Row['place']>> = {
  'The clinic database of a shard': 'clinic',
  'The gatekeeper database of a shard': 'gatekeeper',
  'The database of the directory': 'directory',
  'The topics of a shard': 'topic',
};

const UNITS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3_600, day: 86_400 };

/** @throws {Error} for a row that lacks something */
export function rowsOf(page: string): Row[] {
  return Object.entries(SECTIONS).flatMap(([heading, place]) => {
    const [, section = ''] = page.split(`\n## ${heading}\n`);
    const [own = ''] = section.split('\n## ');
    const lines = own
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2);
    return lines.map((line) => rowOf(place, line));
  });
}

function rowOf(place: Row['place'], line: string): Row {
  const cells = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
  const [name = '', holds = '', , time = ''] = cells;
  if (cells.length !== 5 || cells.includes(''))
    throw new Error(`a row of the page on retention lacks something: ${line}`);
  const [, count, unit = ''] = /^(\d+) (second|minute|hour|day)s?\b/.exec(time) ?? [];
  return {
    place,
    name: name.replaceAll('`', ''),
    seconds: count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 0),
    remains: holds.includes('**'),
  };
}
