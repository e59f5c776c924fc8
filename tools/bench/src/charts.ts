import * as echarts from 'echarts';

export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  readonly categories: readonly string[];
  readonly series: readonly Series[];
  /** Powers of ten, where the values differ much. */
  readonly log?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly x: { readonly name: string; readonly log?: boolean };
  readonly y: { readonly name: string; readonly log?: boolean; readonly min?: number };
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[];
}

/** Bars side by side, as SVG. */
export function barChart({ title, unit, categories, series, log }: BarChart): string {
  return svg(360, {
    title: titled(title),
    legend: { top: 36, left: 'center', itemGap: 34, data: series.map(({ name }) => name) },
    grid: { left: 70, right: 20, top: 86, bottom: 80 },
    xAxis: { type: 'category', data: [...categories], axisLabel: { rotate: 25, interval: 0 } },
    yAxis: { type: log ? 'log' : 'value', name: unit },
    series: series.map(({ name, values }) => ({ type: 'bar', name, data: [...values], barGap: '10%' })),
  });
}

/** Lines with a point at each measurement, as SVG. */
export function lineChart({ title, x, y, lines }: LineChart): string {
  return svg(400, {
    title: titled(title),
    legend: { top: 36, left: 'center', itemGap: 34, data: lines.map(({ name }) => name) },
    grid: { left: 80, right: 30, top: 90, bottom: 50 },
    xAxis: { type: x.log ? 'log' : 'value', name: x.name, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: y.log ? 'log' : 'value', name: y.name, ...(y.min !== undefined && { min: y.min }) },
    series: lines.map(({ name, points }) => ({
      type: 'line',
      name,
      data: points.map((point) => [...point]),
      showSymbol: points.length < 20,
    })),
  });
}

const titled = (text: string) => ({ text, left: 'center', textStyle: { fontSize: 15 } });

/** Drawn on the server: no browser, no DOM. */
function svg(height: number, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 860, height });
  try {
    chart.setOption({ animation: false, backgroundColor: '#ffffff', ...option });
    return `${chart.renderToSVGString()}\n`;
  } finally {
    chart.dispose(); // it would keep the process alive
  }
}
