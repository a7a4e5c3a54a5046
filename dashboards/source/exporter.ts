// The exporters themselves: what they ask, what they cost, and whether they are heard.
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, ofChosenInstances, runbook } from './frame';
import { bars, colored, counts, now, overTime, stat, steps, thresholdLines, timeseries } from './panels';
import { bottomOfRange, exportersDown, ofInstance, ofJob, top, topOfRange } from './queries';

const perSecond = (counter: string) => `rate(${counter}{${ofInstance}}[$__rate_interval])`;
const inTheInterval = (counter: string) => `increase(${counter}{${ofInstance}}[$__rate_interval])`;
const duration = 'aliyun_ecs_metadata_request_duration_seconds_bucket';
const recorded = `sum by (le) (job_le:${duration}:rate5m{${ofJob}})`;
const chosen = `sum by (le) (${perSecond(duration)})`;
const versions = `sum by (version) (job_version:aliyun_ecs_exporter_build_info:count{${ofJob}})`;
const byCode = (counter: string) => `sum by (code) (${perSecond(counter)}) > 0`;
const notifications = (counter: string) =>
  topOfRange(20, `sum by (alertmanager) (${inTheInterval(counter)})`);
const noDirectPath = 'No data: the exporter was started without --alertmanager.url.';

export const exporter = dashboard('exporter',
  'The exporters: requests to the metadata service, pace, throttling, and what they cost.')
  .variables(ofChosenInstances)

  .withPanel(stat('Exporters', 'Targets of the chosen jobs, whether they answer or not.')
    .withTarget(now(`sum(job:aliyun_ecs_exporter_up:count{${ofJob}})`))
    .links([runbook('AliyunEcsExporterJobAbsent')]))
  .withPanel(stat('Down', 'Targets of the chosen jobs that do not answer Prometheus.')
    .withTarget(now(`sum(${exportersDown})`))
    .thresholds(steps('green', [1, 'red']))
    .links([runbook('AliyunEcsExporterDown'), runbook('AliyunEcsExporterManyDown')]))
  .withPanel(stat('Backing off',
      'Exporters of the chosen jobs that pause because the metadata service throttled them.')
    .withTarget(now(`sum(job:aliyun_ecs_metadata_backoff:count{${ofJob}})`))
    .thresholds(steps('green', [1, 'orange']))
    .links([runbook('AliyunEcsMetadataThrottled')]))
  .withPanel(stat('Slowest scrape',
      'The longest scrape among the exporters of the chosen jobs. Prometheus gives up after its scrape ' +
      'timeout, usually 10 s.')
    .withTarget(now(`max(job:aliyun_ecs_scrape_duration_seconds:max{${ofJob}})`))
    .unit('s').thresholds(steps('green', [1, 'orange'], [5, 'red'])))
  .withPanel(stat('Most memory', 'The largest resident memory among the exporters of the chosen jobs.')
    .withTarget(now(`max(job:aliyun_ecs_process_resident_memory_bytes:max{${ofJob}})`))
    .unit('bytes').thresholds(steps('green', [64 * 1024 * 1024, 'orange'])))
  .withPanel(stat('Last start',
      'How long ago the exporter of the chosen instances was started, the newest start. Starts again and ' +
      'again leave gaps.')
    .withTarget(now(`time() - max(process_start_time_seconds{${ofInstance}}
  and on (job, instance) aliyun_ecs_exporter_build_info{${ofInstance}})`))
    .unit('s').thresholds(steps('orange', [900, 'green'])).noValue('Exporter metrics are off')
    .links([runbook('AliyunEcsExporterRestarting')]))

  .withRow(new RowBuilder('All exporters of the chosen jobs'))
  .withPanel(timeseries('Requests by code',
      'Requests of all exporters to the metadata service by HTTP status, or by what went wrong, over ' +
      'five minutes.')
    .withTarget(overTime(
      `sum by (code) (job_code:aliyun_ecs_metadata_requests:rate5m{${ofJob}}) > 0`, '{{code}}'))
    .unit('reqps')
    .links([runbook('AliyunEcsMetadataDown')]))
  .withPanel(timeseries('Time per request',
      'How long the metadata service takes to answer, over all exporters and five minutes.')
    .withTarget(overTime(`histogram_quantile(0.5, ${recorded})`, 'median'))
    .withTarget(overTime(`histogram_quantile(0.99, ${recorded})`, '99 of 100 faster than'))
    .unit('s'))
  .withPanel(counts('Up and down',
      'Targets of the chosen jobs that answer Prometheus, and those that do not.')
    .span(8)
    .withTarget(overTime(`sum(job:aliyun_ecs_exporter_up:sum{${ofJob}})`, 'up'))
    .withTarget(overTime(`sum(${exportersDown})`, 'down'))
    .overrideByName('down', colored('red'))
    .links([runbook('AliyunEcsExporterManyDown')]))
  .withPanel(timeseries('Throttled',
      'Answers 429 and 503 of the metadata service to all exporters, over five minutes. All programs of ' +
      'an instance share its limit.')
    .span(8)
    .withTarget(overTime(`sum(job:aliyun_ecs_metadata_throttled:rate5m{${ofJob}})`, 'throttled'))
    .unit('reqps')
    .links([runbook('AliyunEcsMetadataThrottled')]))
  .withPanel(bars('Versions', 'Exporters by version; the 20 most frequent.')
    .span(8)
    .withTarget(now(`sort_desc(${top(20, versions)})`, '{{version}}')))
  .withPanel(timeseries('Scrape duration',
      'How long Prometheus waits for a page: the slowest exporter, and the average of each job.')
    .withTarget(overTime(`max(job:aliyun_ecs_scrape_duration_seconds:max{${ofJob}})`, 'slowest'))
    .withTarget(overTime(
      topOfRange(20, `job:aliyun_ecs_scrape_duration_seconds:avg{${ofJob}}`), 'average of {{job}}'))
    .unit('s'))
  .withPanel(timeseries('Resident memory', 'The largest exporter, and the average of each job.')
    .withTarget(overTime(`max(job:aliyun_ecs_process_resident_memory_bytes:max{${ofJob}})`, 'largest'))
    .withTarget(overTime(
      topOfRange(20, `job:aliyun_ecs_process_resident_memory_bytes:avg{${ofJob}}`), 'average of {{job}}'))
    .unit('bytes'))

  .withRow(new RowBuilder('Chosen instances: what they ask'))
  .withPanel(timeseries('Requests by code, chosen',
      'Requests to the metadata service by HTTP status, or by what went wrong.')
    .span(8)
    .withTarget(overTime(byCode('aliyun_ecs_metadata_requests_total'), '{{code}}'))
    .unit('reqps')
    .links([runbook('AliyunEcsMetadataDown')]))
  .withPanel(timeseries('Time per request, chosen', 'How long the metadata service takes to answer.')
    .span(8)
    .withTarget(overTime(`histogram_quantile(0.5, ${chosen})`, 'median'))
    .withTarget(overTime(`histogram_quantile(0.99, ${chosen})`, '99 of 100 faster than'))
    .unit('s').noValue('No request in this time range.'))
  .withPanel(timeseries('Budget',
      'Requests that the budget would allow at once (--poll.burst, --poll.budget); the 20 lowest are ' +
      'those to look at. At 0 data age.')
    .span(8)
    .withTarget(overTime(
      bottomOfRange(20, `aliyun_ecs_metadata_request_budget_remaining{${ofInstance}}`), '{{instance}}'))
    .thresholds(steps('red', [5, 'orange'])).thresholdsStyle(thresholdLines()))
  .withPanel(counts('Throttled, chosen',
      'Answers 429 and 503 of the metadata service in each interval; the 20 instances with the most.')
    .span(8)
    .withTarget(overTime(
      topOfRange(20, inTheInterval('aliyun_ecs_metadata_throttled_total')), '{{instance}}'))
    .links([runbook('AliyunEcsMetadataThrottled')]))
  .withPanel(timeseries('Back-off', 'What is left of the pause after throttling; the 20 longest.')
    .span(8)
    .withTarget(overTime(
      topOfRange(20, `aliyun_ecs_metadata_backoff_seconds{${ofInstance}}`), '{{instance}}'))
    .unit('s')
    .links([runbook('AliyunEcsMetadataThrottled')]))
  .withPanel(timeseries('Session token: time left',
      'Until the session token of hardened mode ends; it is renewed ahead of that. The 20 shortest.')
    .span(8)
    .withTarget(overTime(
      bottomOfRange(20, `aliyun_ecs_metadata_token_expiration_timestamp_seconds{${ofInstance}} - time()`),
      '{{instance}}'))
    .unit('dthms').noValue('No token: the exporter runs in normal mode.'))

  .withRow(new RowBuilder('Chosen instances: what they cost, and who hears them'))
  .withPanel(timeseries('Scrape duration, chosen', 'How long Prometheus waits for the page; the 20 slowest.')
    .span(8)
    .withTarget(overTime(topOfRange(20, `scrape_duration_seconds{${ofInstance}}`), '{{instance}}'))
    .unit('s'))
  .withPanel(timeseries('Samples per scrape', 'Series that the page has; the 20 largest pages.')
    .span(8)
    .withTarget(overTime(topOfRange(20, `scrape_samples_scraped{${ofInstance}}`), '{{instance}}')))
  .withPanel(timeseries('Answers of the web server',
      'Requests to the exporter by HTTP status of the answer. 401: a password is wrong; 503: more at ' +
      'once than --web.max-requests.')
    .span(8)
    .withTarget(overTime(
      topOfRange(20, byCode('aliyun_ecs_exporter_http_requests_total')), '{{code}}'))
    .unit('reqps').noValue('No data: exporter metrics are off (--web.disable-exporter-metrics).'))
  .withPanel(timeseries('Memory, chosen', 'Resident memory; the 20 largest.')
    .span(8)
    .withTarget(overTime(topOfRange(20, `process_resident_memory_bytes{${ofInstance}}`), '{{instance}}'))
    .unit('bytes').noValue('No data: exporter metrics are off (--web.disable-exporter-metrics).'))
  .withPanel(timeseries('CPU, chosen', 'Share of one CPU that the exporter takes; the 20 busiest.')
    .span(8)
    .withTarget(overTime(topOfRange(20, perSecond('process_cpu_seconds_total')), '{{instance}}'))
    .unit('percentunit').noValue('No data: exporter metrics are off (--web.disable-exporter-metrics).'))
  .withPanel(counts('Notifications sent to Alertmanager',
      'Notifications that the exporter itself sends (--alertmanager.url), and those that failed, in ' +
      'each interval; the 20 with the most.')
    .span(8)
    .withTarget(overTime(notifications('aliyun_ecs_alertmanager_notifications_total'), '{{alertmanager}}'))
    .withTarget(overTime(
      notifications('aliyun_ecs_alertmanager_notifications_failed_total'), '{{alertmanager}} failed'))
    .noValue(noDirectPath)
    .overrideByRegexp('/ failed$/', colored('red'))
    .links([runbook('AliyunEcsAlertmanagerNotificationsFailing')]));
