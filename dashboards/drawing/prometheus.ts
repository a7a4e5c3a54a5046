// What Grafana's Prometheus data source does with the queries of our dashboards. The published one asks
// through a Grafana server.
import {
  AnnotationEvent, AnnotationQuery, DataFrame, DataQueryRequest, DataQueryResponse, DataSourceApi,
  DataSourceInstanceSettings, FieldType, Labels, LegacyMetricFindQueryOptions, MetricFindValue, ScopedVars,
  TimeRange, VariableWithMultiSupport, toDataFrame,
} from '@grafana/data';
import { DataQuery } from '@grafana/schema';
import { SceneObject, sceneGraph } from '@grafana/scenes';
import { of } from 'rxjs';

interface Query extends DataQuery {
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  format?: 'table' | 'time_series';
}

type Point = [time: number, value: string];
interface Series {
  metric: Labels;
  value: Point;
  values: Point[];
}

const scrapeInterval = 15;

// Numbers such as "+Inf" are none to JavaScript.
const numbers = (points: Point[]) => points.map(([, value]) => Number(value.replace('Inf', 'Infinity')));
const times = (points: Point[]) => points.map(([time]) => time * 1000);
const seconds = (length: number) => ({ text: `${length}s`, value: `${length}s` });
const unix = (range: TimeRange) => [range.from.unix(), range.to.unix()];

export class Prometheus extends DataSourceApi<Query> {
  interval = `${scrapeInterval}s`;
  waiting = 0;

  annotations = {
    prepareAnnotation: (annotation: any): AnnotationQuery<Query> =>
      ({ ...annotation, target: { refId: 'Annotation', expr: annotation.expr } }),
    processEvents: (annotation: any, frames: DataFrame[]) => of(eventsOf(annotation, frames)),
  };

  constructor(settings: DataSourceInstanceSettings) {
    super(settings);
  }

  async query(request: DataQueryRequest<Query>): Promise<DataQueryResponse> {
    const tables = request.targets.filter(({ format }) => format === 'table').length;
    const frames = request.targets.map(async (query) => {
      const series = await this.answer(query, request);
      if (query.format === 'table') return [tableOf(series, tables > 1 ? `Value #${query.refId}` : 'Value', query)];
      return series.map((one) => frameOf(one, query, request.intervalMs));
    });
    return { data: (await Promise.all(frames)).flat() };
  }

  async metricFindQuery(
    query: { query: string }, { range, scopedVars }: LegacyMetricFindQueryOptions,
  ): Promise<MetricFindValue[]> {
    const [start, end] = unix(range!);
    const text = interpolated(query.query, { ...scopedVars, __range: seconds(end - start) });
    const result = /^query_result\((.+)\)$/s.exec(text);
    if (result) {
      const { result: found } = await this.get<{ result: Series[] }>('query', { query: result[1], time: end });
      return found.map(({ metric, value: [time, value] }) => ({ text: `${written(metric)} ${value} ${time * 1000}` }));
    }
    const [, series, label] = /^label_values\((.+), (\w+)\)$/s.exec(text)!;
    const values = await this.get<string[]>(`label/${label}/values`, { 'match[]': series, start, end });
    return values.map((value) => ({ text: value, value }));
  }

  async testDatasource() {
    return { status: 'success', message: '' };
  }

  private async answer(
    { expr, instant }: Query, { range, intervalMs, scopedVars }: DataQueryRequest,
  ): Promise<Series[]> {
    const [start, end] = unix(range);
    const step = intervalMs / 1000;
    const query = interpolated(expr, {
      ...scopedVars,
      __interval: seconds(step),
      __range: seconds(end - start),
      __rate_interval: seconds(Math.max(step + scrapeInterval, 4 * scrapeInterval)),
    });
    const aligned = (time: number) => Math.floor(time / step) * step;
    const { result } = await (instant
      ? this.get<{ result: Series[] }>('query', { query, time: end })
      : this.get<{ result: Series[] }>('query_range', { query, start: aligned(start), end: aligned(end), step }));
    return result;
  }

  private async get<T>(path: string, parameters: Record<string, string | number>): Promise<T> {
    this.waiting++;
    try {
      const form = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, `${value}`]));
      const { data, error } = await (await fetch(`/api/v1/${path}?${form}`)).json();
      if (error) throw new Error(`${error} in ${parameters.query ?? path}`);
      return data;
    } finally {
      this.waiting--;
    }
  }
}

function interpolated(text: string, scopedVars: ScopedVars) {
  const from: SceneObject = scopedVars.__sceneObject!.value.valueOf();
  return sceneGraph.interpolate(from, text, scopedVars, pattern);
}

/** A variable's value where Prometheus reads a regular expression in quotes. */
function pattern(value: string | string[], { multi, includeAll }: VariableWithMultiSupport) {
  if (typeof value === 'string' && !multi && !includeAll) return value;
  const escaped = [value].flat().map((one) => one.replace(/[\\^$*+?.()|[\]{}]/g, '\\\\$&'));
  return escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
}

function written({ __name__ = '', ...labels }: Labels) {
  return `${__name__}{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`)}}`;
}

function frameOf({ metric, value, values = [value] }: Series, { refId, expr, legendFormat }: Query, interval: number) {
  const legend = legendFormat?.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '');
  const name = legend || (Object.keys(metric).length ? written(metric) : expr);
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval }, values: times(values) },
      {
        name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: name },
        values: numbers(values),
      },
    ],
  });
}

function tableOf(series: Series[], valueName: string, { refId }: Query) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const points = series.map(({ value }) => value);
  return toDataFrame({
    refId,
    fields: series.length ? [
      { name: 'Time', type: FieldType.time, values: times(points) },
      ...labels.map((name) =>
        ({ name, type: FieldType.string, values: series.map(({ metric }) => metric[name] ?? '') })),
      { name: valueName, type: FieldType.number, values: numbers(points) },
    ] : [],
  });
}

/** One for each time that a series told (useValueForTime). */
function eventsOf({ titleFormat, textFormat }: any, frames: DataFrame[]): AnnotationEvent[] {
  return frames.flatMap(({ fields: [, { values, labels }] }) =>
    [...new Set(values)].map((time) => ({
      time,
      title: titleFormat,
      text: textFormat.replace(/\{\{(\w+)\}\}/g, (_: string, label: string) => labels?.[label] ?? ''),
    })));
}
