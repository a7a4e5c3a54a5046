// What all dashboards have in common: variables, links, annotations, rows.
import {
  AnnotationQueryBuilder, Dashboard, DashboardBuilder, DashboardCursorSync, DashboardLinkBuilder,
  DashboardLinkPlacement, DashboardLinkType, DatasourceVariableBuilder, Panel, QueryVariableBuilder, RowPanel,
  VariableRefresh, VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { endings, ofInstance, ofJob, ofPlace, topOfRange } from './queries';

export const datasource = { type: 'prometheus', uid: '${datasource}' };

// Placeholder; README.md says how to replace it.
const runbooks = 'https://runbooks.example/aliyun-ecs/RUNBOOKS.md';

const pages = {
  fleet: 'ECS / Fleet',
  instance: 'ECS / Instance',
  spot: 'ECS / Spot',
  exporter: 'ECS / Exporter',
};
export type Page = keyof typeof pages;

const link = (title: string, url: string) =>
  new DashboardLinkBuilder(title).type(DashboardLinkType.Link).url(url);

export const toRunbooks = () => link('Runbooks', runbooks).icon('doc').targetBlank(true);

/** To the runbook of an alert. */
export const runbook = (alert: string) =>
  link(`Runbook: ${alert}`, `${runbooks}#${alert.toLowerCase()}`).icon('doc').targetBlank(true);

/** From a row of a table, or from a series, to the dashboard of its instance. */
export const toInstance = (labels: '__data.fields' | '__field.labels') =>
  link('Show instance', `/d/aliyun-ecs-instance?\${datasource:queryparam}&var-job=\${${labels}.job}` +
    `&var-instance=\${${labels}.instance}&\${__url_time_range}`);

function variable(name: string, label: string, series: string, of: string) {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query({ query: `label_values(${series}, ${of})`, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc)
    .multi(true)
    .allValue('.+');
}

const all = { selected: true, text: ['All'], value: ['$__all'] };
const places = 'job_region_zone_type:aliyun_ecs_instance_info:count';

// Grafana asks for DS_PROMETHEUS when a dashboard is imported by hand, and starts with the answer.
// Provisioning replaces nothing: there is no data source of that name, so the first one is taken.
const source = new DatasourceVariableBuilder('datasource')
  .label('Data source')
  .type('prometheus')
  .current({ text: '${DS_PROMETHEUS}', value: '${DS_PROMETHEUS}' });

const job = variable('job', 'Job', 'aliyun_ecs_metadata_up', 'job').includeAll(true).current(all);

/** For dashboards of a whole fleet: everything is chosen until somebody chooses. */
export const ofTheFleet = [
  source, job,
  variable('region', 'Region', `${places}{${ofJob}}`, 'region_id').includeAll(true).current(all),
  variable('zone', 'Zone', `${places}{${ofJob}, region_id=~"$region"}`, 'zone_id')
    .includeAll(true).current(all),
  variable('instance', 'Instance', `instance:aliyun_ecs_instance_info:identified{${ofPlace}}`, 'instance')
    .includeAll(true).current(all),
];

/** For dashboards that read every series of an instance: one or some, but never all of a fleet. */
export const ofChosenInstances = [
  source, job,
  variable('instance', 'Instance', `aliyun_ecs_metadata_up{${ofJob}}`, 'instance').includeAll(false),
];

const event = (name: string, color: string, series: string) =>
  new AnnotationQueryBuilder()
    .name(name)
    .datasource(datasource)
    .enable(true)
    .iconColor(color)
    .expr(topOfRange(50, `1000 * ${series}`))
    .useValueForTime(true)
    .titleFormat(name)
    .textFormat('{{instance}}')
    .tagKeys('job');

const noticed = event('Notice of termination', 'orange',
  `aliyun_ecs_spot_termination_first_seen_timestamp_seconds{${ofInstance}}`);
// It may have been withdrawn since.
const ended = event('Announced end', 'red', endings);

// What two dashboards can choose both. Instance has no All, which the others may have chosen.
const common = (page: Page, other: Page) => {
  const both = [page, other].sort().join();
  return ['datasource', 'job', ...both === 'fleet,spot' ? ['region', 'zone', 'instance'] : [],
    ...both === 'exporter,instance' ? ['instance'] : []];
};

export function dashboard(page: Page, description: string) {
  const others = (Object.keys(pages) as Page[]).filter((other) => other !== page);
  return new DashboardBuilder(pages[page])
    .uid(`aliyun-ecs-${page}`)
    .description(
      `${description} Generated from dashboards/source: change it there, see dashboards/README.md.`)
    .tags(['aliyun-ecs'])
    .readonly()
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .annotations([noticed, ended])
    .links([
      ...others.map((other) =>
        link(pages[other], `/d/aliyun-ecs-${other}?` +
            common(page, other).map((name) => `\${${name}:queryparam}`).join('&'))
          .icon('dashboard').keepTime(true)),
      toRunbooks(),
    ]);
}

/** With what importing by hand needs, and with numbered panels and queries. */
export function finished(page: Dashboard) {
  const panels = page.panels!.flatMap((panel) => [panel, ...((panel as RowPanel).panels ?? [])]);
  panels.forEach((panel, index) => {
    panel.id = index + 1;
    const { targets = [] } = panel as Panel;
    targets.forEach((target, which) => Object.assign(target, { refId: 'ABCDEFGH'[which] }));
  });
  const types = new Set(panels.map((panel) => panel.type).filter((type) => type !== 'row'));
  return {
    __inputs: [{
      name: 'DS_PROMETHEUS', label: 'Prometheus', description: 'The Prometheus that scrapes the exporters',
      type: 'datasource', pluginId: 'prometheus', pluginName: 'Prometheus',
    }],
    __requires: [
      { type: 'grafana', id: 'grafana', name: 'Grafana', version: '10.0.0' },
      { type: 'datasource', id: 'prometheus', name: 'Prometheus', version: '1.0.0' },
      ...[...types].sort().map((id) => ({ type: 'panel', id, name: id, version: '' })),
    ],
    ...page,
  };
}

// The SDK gives these to every variable and table; Grafana's schema has them elsewhere.
const foreign = new Set(['auto', 'auto_min', 'auto_count', 'footer']);

/** Leaves out what the SDK adds of its own: also the menu for links, where nobody in a hurry looks. */
export function published(key: string, value: unknown) {
  const menu = key === 'placement' && value === DashboardLinkPlacement.InControlsMenu;
  return menu || foreign.has(key) ? undefined : value;
}
