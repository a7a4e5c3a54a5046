// The kinds of panels, each with the looks of the house. What differs is chained on.
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeSizing, BarGaugeValueMode, BigValueColorMode,
  BigValueGraphMode, GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode, LegendDisplayMode, LegendPlacement, ReduceDataOptionsBuilder, SortOrder,
  StackingConfigBuilder, StackingMode, TableSortByFieldStateBuilder, TooltipDisplayMode, VisibilityMode,
  VizLegendOptionsBuilder, VizOrientation, VizTextDisplayOptionsBuilder, VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder, FieldColorBuilder, FieldColorModeId, MappingType, Threshold, ThresholdsConfigBuilder,
  ThresholdsMode, ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stats from '@grafana/grafana-foundation-sdk/stat';
import * as tables from '@grafana/grafana-foundation-sdk/table';
import * as series from '@grafana/grafana-foundation-sdk/timeseries';
import { datasource } from './frame';

const query = (expr: string) => new DataqueryBuilder().datasource(datasource).expr(expr);

/** Over time, for a timeseries. */
export const overTime = (expr: string, legend: string) => query(expr).range().legendFormat(legend);

/** As of now, for a stat or for bars. */
export const now = (expr: string, legend = '') => query(expr).instant().legendFormat(legend);

/** As of now, one row of a table for each series. */
export const rows = (expr: string) => query(expr).instant().format(PromQueryFormat.Table);

/** A colour from each value on: steps('green', [1, 'orange'], [5, 'red']). */
export const steps = (base: string, ...above: [number, string][]) => {
  const all: Threshold[] =
    [{ color: base, value: null }, ...above.map(([value, color]) => ({ value, color }))];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(all);
};

/** Words and colours for values: words({ 0: ['closed', 'green'], 1: ['open', 'orange'] }). */
export const words = (meanings: Record<string, [text: string, color: string]>): ValueMapping[] => [{
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    Object.entries(meanings).map(([value, [text, color]], index) => [value, { text, color, index }])),
}];

/** What stats and bars show when Prometheus knows nothing of the chosen instances. */
const nothing = 'No data: check scrape job';

const byThresholds = () => new FieldColorBuilder().mode(FieldColorModeId.Thresholds);
const newest = () => new ReduceDataOptionsBuilder().calcs(['lastNotNull']);

export const stat = (title: string, description: string) =>
  new stats.PanelBuilder()
    .title(title).description(description).datasource(datasource).span(4).height(4)
    .unit('none').noValue(nothing).colorScheme(byThresholds()).thresholds(steps('text'))
    .colorMode(BigValueColorMode.Value).graphMode(BigValueGraphMode.None).reduceOptions(newest());

export const bars = (title: string, description: string) =>
  new bargauge.PanelBuilder()
    .title(title).description(description).datasource(datasource).span(8).height(8)
    .unit('none').min(0).noValue(nothing).colorScheme(byThresholds()).thresholds(steps('blue'))
    .orientation(VizOrientation.Horizontal).displayMode(BarGaugeDisplayMode.Basic)
    .valueMode(BarGaugeValueMode.Text).namePlacement(BarGaugeNamePlacement.Left).reduceOptions(newest())
    .text(new VizTextDisplayOptionsBuilder().valueSize(16))
    .sizing(BarGaugeSizing.Manual).minVizHeight(14).maxVizHeight(34);

export const timeseries = (title: string, description: string) =>
  new series.PanelBuilder()
    .title(title).description(description).datasource(datasource).span(12).height(8)
    .unit('none')
    .noValue('No data in this time range: check the scrape job, or choose a longer range.')
    .lineWidth(2).fillOpacity(8).showPoints(VisibilityMode.Auto).axisSoftMin(0)
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List)
      .placement(LegendPlacement.Bottom).showLegend(true).calcs([]))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));

/** The same for whole numbers of things. */
export const counts = (title: string, description: string) =>
  timeseries(title, description).decimals(0).axisSoftMax(1);

/** For an override: that color. */
export const colored = (color: string) => [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }];

export const stacked = () => new StackingConfigBuilder().mode(StackingMode.Normal).group('A');

/** Draws the thresholds as lines. */
export const thresholdLines = () =>
  new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed);

// The second is how Grafana 12 says the first.
const hidden = [
  { id: 'custom.hidden', value: true },
  { id: 'custom.hideFrom', value: { legend: false, tooltip: false, viz: true } },
];

export interface Column {
  of: string; // the label, or "Value" (of the only query), or "Value #B" (of the second)
  title: string;
  unit?: string;
  width?: number;
  noValue?: string;
  words?: ValueMapping[];
  thresholds?: ThresholdsConfigBuilder;
  link?: DashboardLinkBuilder;
}

/** A table of these columns; rows of several queries are one where their labels are the same. */
export function table(title: string, description: string, columns: Column[]) {
  const kept = [...columns.map(({ of }) => of), 'job']; // links need the job
  const panel = new tables.PanelBuilder()
    .title(title).description(description).datasource(datasource).span(24).height(8)
    .unit('none').noValue('No data: check the scrape job.').filterable(true)
    .transformations([
      { id: 'merge', options: {} },
      { id: 'filterFieldsByName', options: { include: { names: kept } } },
      {
        id: 'organize',
        options: {
          excludeByName: {},
          indexByName: Object.fromEntries(kept.map((name, index) => [name, index])),
          renameByName: Object.fromEntries(columns.map((column) => [column.of, column.title])),
        },
      },
    ]);
  if (!columns.some(({ of }) => of === 'job')) {
    panel.overrideByName('job', hidden);
  }
  for (const column of columns) {
    const properties = [
      column.unit && { id: 'unit', value: column.unit },
      column.width && { id: 'custom.width', value: column.width },
      column.noValue && { id: 'noValue', value: column.noValue },
      column.words && { id: 'mappings', value: column.words },
      column.thresholds && { id: 'thresholds', value: column.thresholds.build() },
      (column.words || column.thresholds) && { id: 'custom.cellOptions', value: { type: 'color-text' } },
      column.link && { id: 'links', value: [column.link.build()] },
    ].filter((property) => !!property);
    if (properties.length) panel.overrideByName(column.title, properties);
  }
  return panel;
}

/** Sorts a table by the title of a column. */
export const by = (title: string, descending = false) =>
  [new TableSortByFieldStateBuilder().displayName(title).desc(descending)];
