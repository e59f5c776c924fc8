/** Flame graphs of what V8's profiler has written, as SVG that needs no script. */

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** The part of a `.cpuprofile` that is needed here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds from one sample to the next. */
  readonly timeDeltas: readonly number[];
}

interface Frame {
  readonly name: string;
  /** Microseconds in it, and in it and all that it calls. */
  self: number;
  total: number;
  readonly calls: Map<string, Frame>;
}

const NOT_WORK = new Set(['(idle)', '(program)']);

/**
 * All stacks put together, each function below who calls it. Time in which nothing was to do is left out, and what comes before `from`
 * (microseconds since the start of the program).
 */
export function stacksOf({ nodes, samples, timeDeltas }: CpuProfile, from = 0): Frame {
  const self = new Map<number, number>();
  let now = 0;
  samples.forEach((id, n) => {
    const delta = Math.max(0, timeDeltas[n] ?? 0);
    now += delta;
    if (now >= from) self.set(id, (self.get(id) ?? 0) + delta);
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root: Frame = { name: 'all', self: 0, total: 0, calls: new Map() };
  const addTo = (parent: Frame, node: ProfileNode): number => {
    const name = nameOf(node);
    if (NOT_WORK.has(name)) return 0;
    const frame = parent.calls.get(name) ?? { name, self: 0, total: 0, calls: new Map<string, Frame>() };
    parent.calls.set(name, frame);
    const own = self.get(node.id) ?? 0;
    frame.self += own;
    const below = (node.children ?? []).reduce((sum, id) => {
      const child = byId.get(id);
      return child ? sum + addTo(frame, child) : sum;
    }, 0);
    frame.total += own + below;
    return own + below;
  };
  const [top] = nodes;
  for (const id of top?.children ?? []) {
    const child = byId.get(id);
    if (child) root.total += addTo(root, child);
  }
  return root;
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const where = /(?:node_modules\/((?:@[^/]+\/)?[^/]+).*|([^/]+))$/.exec(url);
  const place = where?.[1] ?? (where?.[2] && `${where[2]}:${lineNumber + 1}`);
  return `${functionName || '(anonymous)'}${place ? ` (${place})` : ''}`;
}

/** Functions by the time in themselves, the widest first. @returns their part of all, from 0 to 1 */
export function widest(root: Frame, count: number): { readonly name: string; readonly self: number }[] {
  const sums = new Map<string, number>();
  const walk = (frame: Frame) => {
    sums.set(frame.name, (sums.get(frame.name) ?? 0) + frame.self);
    for (const callee of frame.calls.values()) walk(callee);
  };
  walk(root);
  return [...sums]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, time]) => ({ name, self: root.total > 0 ? time / root.total : 0 }));
}

const WIDTH = 1_200;
const ROW = 16;
const LEAST_WIDTH = 0.6;
const DEEPEST = 60;

/** Who calls is below, who is called above it; width is processor time. Hovering tells the whole name and the part. */
export function flameGraph(title: string, root: Frame): string {
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number) => {
    const width = (frame.total / root.total) * WIDTH;
    if (width < LEAST_WIDTH || depth > DEEPEST) return;
    deepest = Math.max(deepest, depth);
    boxes.push(box(frame, { x, width, depth }, root.total));
    let at = x;
    for (const callee of [...frame.calls.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      draw(callee, at, depth + 1);
      at += (callee.total / root.total) * WIDTH;
    }
  };
  if (root.total > 0) draw(root, 0, 0);
  const height = (deepest + 1) * ROW + 30;
  const flipped = boxes
    .join('\n')
    .replaceAll(/data-depth="(\d+)"/g, (_, depth) => `transform="translate(0 ${height - ROW - Number(depth) * ROW})"`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#fff"/><text x="${WIDTH / 2}" y="18" text-anchor="middle" font-size="14">${escaped(title)}</text>
${flipped}
</svg>
`;
}

function box(frame: Frame, { x, width, depth }: { x: number; width: number; depth: number }, all: number): string {
  const part = `${((frame.total / all) * 100).toFixed(1)} %`;
  const letters = Math.floor(width / 6.7) - 1;
  const label =
    letters >= 3 ? `<text x="${(x + 3).toFixed(1)}" y="12">${escaped(frame.name.slice(0, letters))}</text>` : '';
  return `<g data-depth="${depth}"><title>${escaped(frame.name)}: ${part}</title><rect x="${x.toFixed(1)}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colourOf(frame.name)}"/>${label}</g>`;
}

/** The database driver, the frame, what Node does itself, and our own. */
function colourOf(name: string): string {
  if (/\((mongodb|bson|mongoose)\)/.test(name)) return '#8fce9b';
  if (/\((@nestjs\/.*|fastify.*|@fastify\/.*|rxjs|find-my-way|ajv.*)\)/.test(name)) return '#f3c67f';
  if (/\(main\.js:\d+\)/.test(name)) return '#f08a7a';
  return name.startsWith('(garbage') ? '#b9a7dc' : '#c9d3dc';
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
