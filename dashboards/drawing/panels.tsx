// The four kinds of panels, out of the parts that Grafana publishes. Grafana's own panel plugins are not
// among them.
import {
  DataFrame, FieldColorModeId, FieldConfigOptionsRegistry, FieldConfigProperty, FieldConfigPropertyItem, FieldType,
  PanelPlugin, PanelPluginMeta, PanelProps, ThresholdsMode, VizOrientation, displayNameOverrideProcessor,
  getDisplayValueAlignmentFactors, getFieldDisplayValues, identityOverrideProcessor, numberOverrideProcessor,
  standardEditorsRegistry, standardFieldConfigEditorRegistry, stringOverrideProcessor, thresholdsOverrideProcessor,
  unitOverrideProcessor, valueMappingsOverrideProcessor, applyNullInsertThreshold, cacheFieldDisplayNames,
  FieldDisplay,
} from '@grafana/data';
import {
  BarGauge, BigValue, TimeSeries, UPlotConfigBuilder, VizRepeater, VizRepeaterRenderValueProps, useTheme2,
} from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { ComponentType, useEffect, useLayoutEffect, useRef } from 'react';

type Process = FieldConfigPropertyItem['process'];
const property = (id: string, process: Process, defaultValue?: unknown) => ({
  id, path: id, name: id, process, defaultValue, settings: {},
  editor: () => null, override: () => null, shouldApply: () => true,
});

standardEditorsRegistry.setInit(() => []);
standardFieldConfigEditorRegistry.setInit(() => [
  property('unit', unitOverrideProcessor as Process),
  property('decimals', numberOverrideProcessor as Process),
  property('min', numberOverrideProcessor as Process),
  property('max', numberOverrideProcessor as Process),
  property('displayName', displayNameOverrideProcessor as Process),
  property('noValue', stringOverrideProcessor as Process),
  property('color', identityOverrideProcessor),
  property('mappings', valueMappingsOverrideProcessor as Process),
  property('links', identityOverrideProcessor),
  property('thresholds', thresholdsOverrideProcessor as Process, {
    mode: ThresholdsMode.Absolute,
    steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }],
  }),
] as ReturnType<FieldConfigOptionsRegistry['list']>);

// What the panels' fieldConfig.defaults.custom and the overrides of our dashboards may name.
const customs = {
  timeseries: [
    'axisCenteredZero', 'axisSoftMax', 'axisSoftMin', 'fillOpacity', 'lineStyle', 'lineWidth', 'showPoints',
    'stacking', 'thresholdsStyle', 'transform',
  ],
  table: ['align', 'cellOptions', 'filterable', 'hidden', 'hideFrom', 'inspect', 'width'],
  stat: [],
  bargauge: [],
};
type Kind = keyof typeof customs;

const hasValues = (frame: DataFrame) => frame.fields.length > 0 && frame.length > 0;

function Nothing({ fieldConfig, width, height }: PanelProps) {
  const center = { width, height, display: 'flex', alignItems: 'center', justifyContent: 'center' };
  return <div style={{ ...center, textAlign: 'center' }}>{fieldConfig.defaults.noValue}</div>;
}

/** Lines where something happened, as Grafana draws annotations. They may arrive behind the graph. */
function Marks({ config, annotations }: { config: UPlotConfigBuilder; annotations: DataFrame[] }) {
  const { visualization } = useTheme2();
  const plotted = useRef<uPlot>(null);
  const newest = useRef(annotations);
  useLayoutEffect(() => config.addHook('draw', (plot) => {
    plotted.current = plot;
    const { ctx, bbox: { left, top, width, height } } = plot;
    const bottom = top + height;
    ctx.save();
    for (const { fields, length } of newest.current) {
      const [times, colors] = ['time', 'color'].map((name) => fields.find((field) => field.name === name)?.values);
      for (let row = 0; row < length; row++) {
        const x = plot.valToPos(times![row], 'x', true);
        if (x < left || x > left + width) continue;
        ctx.strokeStyle = ctx.fillStyle = visualization.getColorByName(colors![row]);
        ctx.setLineDash([5, 5]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, bottom);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x - 5, bottom + 5);
        ctx.lineTo(x + 5, bottom + 5);
        ctx.lineTo(x, bottom);
        ctx.fill();
      }
    }
    ctx.restore();
  }), [config, visualization]);
  useEffect(() => {
    newest.current = annotations;
    plotted.current?.redraw();
  }, [annotations]);
  return null;
}

function Graph(props: PanelProps) {
  const { data, options, width, height, timeRange, timeZone } = props;
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  // A gap stays a gap.
  const frames = data.series.filter(hasValues).map((frame) => applyNullInsertThreshold({
    frame, refFieldPseudoMin: from, refFieldPseudoMax: to,
  }));
  if (!frames.length) return <Nothing {...props} />;
  return (
    <TimeSeries frames={frames} structureRev={data.structureRev} width={width} height={height} timeRange={timeRange}
      timeZone={timeZone} legend={options.legend}>
      {(config) => <Marks config={config} annotations={data.annotations ?? []} />}
    </TimeSeries>
  );
}

function Table(props: PanelProps) {
  const { data, options, width, height, fieldConfig } = props;
  const frame = data.series.find(hasValues);
  if (!frame) return <Nothing {...props} />;
  cacheFieldDisplayNames([frame]); // the table's heading
  return (
    <TableNG data={frame} width={width} height={height} cellHeight={options.cellHeight} sortBy={options.sortBy}
      fieldConfig={fieldConfig} structureRev={data.structureRev} />
  );
}

type PieceProps = PanelProps & { of: VizRepeaterRenderValueProps<FieldDisplay> };

/** One piece for each value: the stat and the bar gauge. */
function repeated(Piece: ComponentType<PieceProps>) {
  return function Repeated(props: PanelProps) {
    const { data, options, fieldConfig, replaceVariables, timeZone, width, height, renderCounter } = props;
    const theme = useTheme2();
    const getValues = () => getFieldDisplayValues({
      fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme, timeZone, data: data.series,
    });
    return (
      <VizRepeater source={data} getValues={getValues} width={width} height={height} renderCounter={renderCounter}
        orientation={options.orientation ?? VizOrientation.Auto} itemSpacing={8}
        minVizHeight={options.minVizHeight ?? 16} maxVizHeight={options.maxVizHeight ?? 300}
        getAlignmentFactors={getDisplayValueAlignmentFactors}
        renderValue={(of) => <Piece {...props} of={of} />} />
    );
  };
}

const Stat = repeated(({ options, of: { value, alignmentFactors, width, height, count } }) => (
  <BigValue value={value.display} count={count} width={width} height={height} theme={useTheme2()}
    alignmentFactors={alignmentFactors} colorMode={options.colorMode} graphMode={options.graphMode}
    justifyMode={options.justifyMode} textMode={options.textMode} />
));

const Bars = repeated(({ options, of: { value, alignmentFactors, width, height, orientation } }) => (
  <BarGauge value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
    width={width} height={height} orientation={orientation} theme={useTheme2()} itemSpacing={8}
    alignmentFactors={alignmentFactors} displayMode={options.displayMode} valueDisplayMode={options.valueMode}
    namePlacement={options.namePlacement} text={options.text} showUnfilled={options.showUnfilled ?? true} />
));

function plugin(kind: Kind, component: ComponentType<PanelProps>, mode: FieldColorModeId) {
  const made = new PanelPlugin(component).useFieldConfig({
    standardOptions: { [FieldConfigProperty.Color]: { defaultValue: { mode } } },
    useCustomConfig: (builder) => {
      for (const id of customs[kind]) builder.addCustomEditor(property(id, identityOverrideProcessor));
    },
  });
  const meta = { id: kind, name: kind, type: 'panel', module: '', baseUrl: '', sort: 1, info: {} };
  made.meta = meta as unknown as PanelPluginMeta;
  return made;
}

export const panelPlugins: Record<string, PanelPlugin> = {
  timeseries: plugin('timeseries', Graph, FieldColorModeId.PaletteClassic),
  table: plugin('table', Table, FieldColorModeId.Thresholds),
  stat: plugin('stat', Stat, FieldColorModeId.Thresholds),
  bargauge: plugin('bargauge', Bars, FieldColorModeId.Thresholds),
};
