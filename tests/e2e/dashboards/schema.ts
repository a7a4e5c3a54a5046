// What a dashboard's JSON may hold, by the types that Grafana publishes. dashboards_test.py has tsc
// compare them with the files.
import type { AnnotationQuery, Dashboard, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type * as bargauge from 'panels/bargauge/panelcfg/x/types.gen';
import type * as stat from 'panels/stat/panelcfg/x/types.gen';
import type * as table from 'panels/table/panelcfg/x/types.gen';
import type * as timeseries from 'panels/timeseries/panelcfg/x/types.gen';

// Of enumerations, JSON has only the values.
type Json<T> =
  0 extends 1 & T ? T
  : T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
  : T extends (infer E)[] ? Json<E>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> }
  : T;

// Grafana fills in the options that are missing.
type Of<Type extends string, Options, Custom = Record<never, never>> =
  Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
    type: Type;
    options: Partial<Options>;
    fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
      defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: Partial<Custom> };
    };
    targets: PrometheusQuery[];
  };

type AnyPanel =
  | Of<'bargauge', bargauge.Options>
  | Of<'stat', stat.Options>
  | Of<'table', table.Options, table.FieldConfig>
  | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>;

// The schema leaves open what a data source keeps in its queries; these are Prometheus'.
interface PrometheusQuery {
  refId: string;
  datasource: { type: 'prometheus'; uid: string };
  expr: string;
  instant: boolean;
  range: boolean;
  legendFormat?: string;
  format?: 'table';
}

interface PrometheusAnnotation extends Omit<AnnotationQuery, 'target'> {
  expr: string;
  useValueForTime: boolean;
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
}

export type DashboardFile = Json<
  Omit<Dashboard, 'panels' | 'annotations'> & {
    panels: (AnyPanel | (Omit<RowPanel, 'panels'> & { panels: AnyPanel[] }))[];
    annotations: { list: PrometheusAnnotation[] };
  }
> & {
  __inputs: { name: string; label: string; description: string; type: string; pluginId: string; pluginName: string }[];
  __requires: { type: string; id: string; name: string; version: string }[];
};
