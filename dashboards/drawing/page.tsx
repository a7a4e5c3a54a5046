// In the browser: one of the dashboards as a scene of Grafana's, with the choices that draw.ts makes.
import '@grafana/react-data-grid/lib/styles.css';
import 'uplot/dist/uPlot.min.css';
import {
  DataTransformerInfo, EventBusSrv, LoadingState, createTheme, standardTransformers, standardTransformersRegistry,
  ThemeContext,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { config, setAppEvents, setDataSourceSrv, setPluginImportUtils, setRunRequest } from '@grafana/runtime';
import {
  DataSourceVariable, EmbeddedScene, LocalValueVariable, QueryVariable, SceneControlsSpacer, SceneDataLayerSet,
  SceneDataTransformer, SceneGridItem, SceneGridLayout, SceneGridRow, SceneQueryRunner, SceneRefreshPicker,
  SceneTimePicker, SceneTimeRange, SceneVariableSet, VariableValueSelectors, VizPanel, dataLayers, sceneGraph,
} from '@grafana/scenes';
import type { Dashboard, DashboardLink, Panel, RowPanel, VariableModel } from '@grafana/schema';
import { GlobalStyles, Icon, LinkButton, PanelChrome } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import { catchError, from, map, of } from 'rxjs';
import { panelPlugins } from './panels';
import { Prometheus } from './prometheus';

export interface Drawing {
  dashboard: Dashboard;
  theme: 'light' | 'dark';
  from: string;
  to: string;
  chosen: Record<string, string[]>; // values of variables; without it what the dashboard chooses
  opened: string; // the repetition of a row that somebody opened
}
declare global {
  interface Window {
    drawing: Drawing;
    problems(): string[] | undefined;
  }
}
const { dashboard, theme: mode, from: start, to: end, chosen, opened } = window.drawing;

const theme = createTheme({ colors: { mode } });
const meta = { id: 'prometheus', name: 'Prometheus', info: { logos: {} } };
const settings = { id: 1, uid: 'prometheus', type: 'prometheus', name: 'Prometheus', meta, jsonData: {} };
const prometheus = new Prometheus(settings as any);

// What a Grafana server's front end would provide.
config.theme2 = theme;
setAppEvents(new EventBusSrv());
setDataSourceSrv({
  get: async () => prometheus, getList: () => [settings], getInstanceSettings: () => settings,
} as any);
setPluginImportUtils({
  importPanelPlugin: async (id: string) => panelPlugins[id],
  getPanelPluginFromCache: (id: string) => panelPlugins[id],
} as any);
setRunRequest((source, request) => from(source.query(request) as Promise<any>).pipe(
  map(({ data }) => ({ state: LoadingState.Done, series: data, timeRange: request.range, request })),
  catchError((error) => of({ state: LoadingState.Error, series: [], errors: [error], error, timeRange: request.range })),
));
standardTransformersRegistry.setInit(() =>
  [
    standardTransformers.mergeTransformer, standardTransformers.filterFieldsByNameTransformer,
    standardTransformers.organizeFieldsTransformer,
  ].map((transformer: DataTransformerInfo) =>
    ({ id: transformer.id, name: transformer.name, transformation: async () => transformer })) as any);

function variable({ type, name, label, current, query, ...rest }: VariableModel & Record<string, any>) {
  if (type === 'datasource') return new DataSourceVariable({ name, label, pluginId: query });
  const value = chosen[name] ?? current?.value;
  return new QueryVariable({
    name, label, query, value, text: value, datasource: rest.datasource, hide: rest.hide, regex: rest.regex ?? '',
    refresh: rest.refresh, sort: rest.sort, isMulti: rest.multi, includeAll: rest.includeAll, allValue: rest.allValue,
  });
}

function panel({ gridPos, transformations, ...model }: Panel) {
  if (!(model.type in panelPlugins)) throw new Error(`${model.title}: ${model.type} cannot be drawn`);
  const answers = new SceneQueryRunner({
    datasource: model.datasource, queries: model.targets as any, maxDataPointsFromWidth: true,
    dataLayerFilter: { panelId: model.id! }, // a copy of the annotations for each panel, which empties it at its end
  });
  return new SceneGridItem({
    x: gridPos!.x, y: gridPos!.y, width: gridPos!.w, height: gridPos!.h,
    body: new VizPanel({
      title: model.title, description: model.description, pluginId: model.type,
      options: structuredClone(model.options), fieldConfig: structuredClone(model.fieldConfig) as any,
      $data: transformations ? new SceneDataTransformer({ $data: answers, transformations }) : answers,
      titleItems: model.links?.map(({ url, title }) => (
        <PanelChrome.TitleItem key={url} href={url} title={title}><Icon name="external-link-alt" /></PanelChrome.TitleItem>
      ))[0],
    }),
  });
}

/** The repetitions of a row, folded but for one. */
function repetitions(row: RowPanel, values: string[], y: number) {
  return values.map((value) => {
    const isCollapsed = value !== opened;
    const children = (row.panels as Panel[]).map((one) =>
      panel({ ...one, gridPos: { ...one.gridPos!, y: y + one.gridPos!.y - row.gridPos!.y } }));
    const here = new SceneGridRow({
      title: row.title, y, isCollapsed, children,
      $variables: new SceneVariableSet({ variables: [new LocalValueVariable({ name: row.repeat!, value, text: value })] }),
    });
    y += 1 + (isCollapsed ? 0 : Math.max(...children.map(({ state }) => state.height as number)));
    return here;
  });
}

const layers = dashboard.annotations!.list!.map((query: any) =>
  new dataLayers.AnnotationsDataLayer({ name: query.name, query, isHidden: true }));

function scene() {
  const children: Array<SceneGridItem | SceneGridRow> = [];
  let repeating: RowPanel | undefined;
  let rowOf: SceneGridRow | undefined;
  for (const model of dashboard.panels as Array<Panel | RowPanel>) {
    if (model.type === 'row' && (model as RowPanel).repeat) {
      repeating = model as RowPanel;
    } else if (model.type === 'row') {
      children.push(rowOf = new SceneGridRow({ title: model.title, y: model.gridPos!.y }));
    } else if (rowOf) {
      rowOf.setState({ children: [...rowOf.state.children, panel(model as Panel)] });
    } else {
      children.push(panel(model as Panel));
    }
  }
  const body = new SceneGridLayout({ children });
  const made = new EmbeddedScene({
    body,
    $timeRange: new SceneTimeRange({ from: start, to: end, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables: dashboard.templating!.list!.map(variable) }),
    $data: new SceneDataLayerSet({ layers }),
    controls: [
      new VariableValueSelectors({}), new SceneControlsSpacer(), new SceneTimePicker({}),
      new SceneRefreshPicker({ refresh: dashboard.refresh as string }),
    ],
  });
  if (repeating) {
    const of = sceneGraph.lookupVariable(repeating.repeat!, made) as QueryVariable;
    const waiting = of.subscribeToState(({ options, loading }: any) => {
      if (loading || !options.length) return;
      waiting.unsubscribe();
      const values = options.map(({ value }: any) => value);
      body.setState({ children: [...children, ...repetitions(repeating!, values, repeating!.gridPos!.y)] });
    });
  }
  return made;
}

function Link({ title, url, icon }: DashboardLink) {
  return (
    <LinkButton variant="secondary" size="sm" fill="outline" href={url} icon={icon === 'doc' ? 'file-alt' : 'apps'}>
      {title}
    </LinkButton>
  );
}

function Page({ shown }: { shown: EmbeddedScene }) {
  return (
    <>
      <header style={{ display: 'flex', alignItems: 'center', gap: 8, paddingBottom: 8 }}>
        <h3 style={{ margin: 0, flex: 1 }}>{dashboard.title}</h3>
        {dashboard.links!.map((link) => <Link key={link.url} {...link} />)}
      </header>
      <shown.Component model={shown} />
    </>
  );
}

let askedAgain = false;

/** What is wrong with what is drawn; undefined while it is not all there. */
function problems(shown: EmbeddedScene) {
  const panels = (sceneGraph.findAllObjects(shown, (one) => one instanceof VizPanel) as VizPanel[])
    .filter(({ isActive }) => isActive);
  const states = panels.map((one) => sceneGraph.getData(one).state.data?.state);
  if (prometheus.waiting || !panels.length || states.some((state) => state !== 'Done' && state !== 'Error')) return;
  if (!askedAgain) {
    // Panels miss annotations that arrive while they are still finding their size.
    askedAgain = true;
    layers.forEach((layer) => layer.runLayer());
    return;
  }
  return panels.flatMap((one) => {
    const title = sceneGraph.interpolate(one, one.state.title);
    const text = document.querySelector<HTMLElement>(`[data-viz-panel-key="${one.state.key}"]`)?.innerText ?? '';
    const { error, errors = error ? [error] : [] } = sceneGraph.getData(one).state.data!;
    return [
      ...errors.map(({ message }: any) => `${title}: ${message}`),
      ...(text.includes(title) ? [] : [`${title}: the title is not there`]),
      ...(text.replace(title, '').trim() ? [] : [`${title}: shows nothing`]),
      ...(text.includes('$') ? [`${title}: ${text}`] : []),
    ];
  });
}

await initPluginTranslations('grafana');
const shown = scene();
window.problems = () => problems(shown);
createRoot(document.getElementById('root')!).render(
  <BrowserRouter>
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Page shown={shown} />
    </ThemeContext.Provider>
  </BrowserRouter>,
);
