// One instance: who it is, when it ends, and how near it is to its limits.
import { GraphTransform } from '@grafana/grafana-foundation-sdk/common';
import {
  QueryVariableBuilder, RowBuilder, VariableHide, VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, datasource, ofChosenInstances, runbook } from './frame';
import {
  bars, counts, now, overTime, rows, stat, steps, table, thresholdLines, timeseries, words,
} from './panels';
import { bottomOfRange, endings, ofInstance, top, topOfRange } from './queries';
import { alerts, countdown, instanceColumn } from './shared';

// node_exporter has another port on the same host. At most 50 hosts, so that the expression stays short,
// and those that are gone by now too.
const hosts = `query_result(${top(50, `last_over_time(aliyun_ecs_metadata_up{${ofInstance}}[$__range])`)})`;
const host = new QueryVariableBuilder('host')
  .hide(VariableHide.HideVariable)
  .datasource(datasource)
  .query({ query: hosts, refId: 'host' })
  .regex('/[{,]instance="(\\[[^\\]]*\\]|[^":]*)(?::[0-9]+)?"/')
  .refresh(VariableRefresh.OnTimeRangeChanged)
  .multi(true)
  .includeAll(true)
  .current({ selected: true, text: ['All'], value: ['$__all'] });

// What an instance has of its own, as in alerts/rules/bandwidth.yml: bridges and containers pass the
// same traffic on.
const own = 'eth[0-9]+|en[opsx][0-9a-z]+';
const perInterface = (counter: string) =>
  topOfRange(20, `rate(${counter}{instance=~"$host(:[0-9]+)?", device=~"${own}"}[$__rate_interval])`);

const state = (name: string) => `max(aliyun_ecs_spot_termination_state{${ofInstance}, state="${name}"})`;
const credentialLeft = `aliyun_ecs_ram_credential_expiration_timestamp_seconds{${ofInstance}} - time()`;
const age = `time() - (aliyun_ecs_metadata_last_success_timestamp_seconds{${ofInstance}} > 0)`;
const normalAge = `(2 * (aliyun_ecs_metadata_refresh_interval_seconds{${ofInstance}} > 0) + 60)`;
const requests = `sum by (code) (rate(aliyun_ecs_metadata_requests_total{${ofInstance}}[$__rate_interval]))`;

const needsNodeExporter =
  'No data: needs node_exporter on the same host, and the rules of alerts/rules/bandwidth.yml.';

type Direction = 'egress' | 'ingress';
const share = (direction: Direction) =>
  `instance:aliyun_ecs_${direction}_utilization:ratio_rate5m{${ofInstance}}`;

/** Bytes per second against the limit; the recorded share joins both on the host, without the ports. */
function bandwidth(title: string, direction: Direction) {
  const limit = `aliyun_ecs_instance_max_netbw_${direction}_bytes_per_second{${ofInstance}}`;
  return timeseries(title,
      'Traffic as node_exporter counts it, all interfaces together, over five minutes, against what the ' +
      'instance type allows. Beyond the limit packets are dropped.')
    .withTarget(overTime(topOfRange(20, `${share(direction)} * ${limit}`), '{{instance}} used'))
    .withTarget(overTime(topOfRange(20, limit), '{{instance}} limit'))
    .unit('Bps').noValue(needsNodeExporter)
    .overrideByRegexp('/ limit$/', [
      { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
      { id: 'custom.fillOpacity', value: 0 },
      { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
    ])
    .links([runbook(direction === 'egress' ? 'AliyunEcsEgressHigh' : 'AliyunEcsIngressHigh')]);
}

export const instance = dashboard('instance',
  'One instance, or some: identity, what is about to end, bandwidth against its limits, and how old the ' +
  'data are.')
  .variables([...ofChosenInstances, host])
  .refresh('10s')

  .withPanel(stat('Taken away in',
      'Hours, minutes and seconds until the spot instance is stopped and released; the next one of ' +
      'those chosen.')
    .span(6)
    .withTarget(now(`min(${endings}) - time()`))
    .unit('dthms').thresholds(countdown).noValue('None known')
    .links([runbook('AliyunEcsSpotTerminationScheduled')]))
  .withPanel(stat('Spot notice',
      'Whether the instance is to be taken away; the worst of those chosen. Instances that are not spot ' +
      'instances have no notice.')
    .span(6)
    .withTarget(now(`2 * ${state('scheduled')} > 0 or ${state('unknown')}`))
    .mappings(words({ 0: ['none', 'green'], 1: ['unknown', 'orange'], 2: ['scheduled', 'red'] }))
    .links([runbook('AliyunEcsSpotTerminationScheduled'), runbook('AliyunEcsSpotStateUnknown')]))
  .withPanel(stat('Credential ends in',
      'Hours, minutes and seconds until the credential of the RAM role ends; the next one of those ' +
      'chosen. A new one is offered 30 minutes before.')
    .span(6)
    .withTarget(now(`min(${credentialLeft})`))
    .unit('dthms').thresholds(steps('red', [0, 'orange'], [1500, 'green'])).noValue('None known')
    .links([runbook('AliyunEcsRamCredentialNotRotated'), runbook('AliyunEcsRamCredentialExpired')]))
  .withPanel(stat('Exporter', 'Whether the exporter answers Prometheus; the worst of those chosen.')
    .span(6)
    .withTarget(now(`min(up{${ofInstance}})`))
    .mappings(words({ 0: ['down', 'red'], 1: ['up', 'green'] }))
    .links([runbook('AliyunEcsExporterDown')]))
  .withPanel(stat('Metadata service',
      'Whether the newest request got a proper answer; the worst of those chosen.')
    .span(6).height(3)
    .withTarget(now(`min(aliyun_ecs_metadata_up{${ofInstance}})`))
    .mappings(words({ 0: ['silent', 'red'], 1: ['answers', 'green'] }))
    .links([runbook('AliyunEcsMetadataDown')]))
  .withPanel(stat('Access without a token',
      'Whether the metadata service answers requests without a session token; the worst of those ' +
      'chosen. Open: a forged request of a web application is enough to steal the credential of the RAM ' +
      'role.')
    .span(6).height(3)
    .withTarget(now(`max(aliyun_ecs_metadata_normal_mode_open{${ofInstance}})`))
    .mappings(words({ 0: ['closed', 'green'], 1: ['open', 'orange'] })).noValue('Not tried yet')
    .links([runbook('AliyunEcsMetadataNormalModeOpen')]))
  .withPanel(stat('RAM role', 'Whether a RAM role is attached; of several instances, whether all have one.')
    .span(6).height(3)
    .withTarget(now(`min(aliyun_ecs_ram_role_attached{${ofInstance}})`))
    .mappings(words({ 0: ['none', 'text'], 1: ['attached', 'green'] })).noValue('Not known yet')
    .links([runbook('AliyunEcsRamRoleDetached')]))
  .withPanel(stat('Clock off by',
      "How far the local clock is from the metadata service's; the worst of those chosen. A wrong clock" +
      " makes countdowns wrong.")
    .span(6).height(3)
    .withTarget(now(`max(abs(aliyun_ecs_metadata_clock_skew_seconds{${ofInstance}}))`))
    .unit('s').thresholds(steps('green', [5, 'orange'])).noValue('Service sends no date')
    .links([runbook('AliyunEcsClockSkew')]))
  .withPanel(table('Identity', 'Who the instance is. More than one row: several are chosen, or it changed.', [
    instanceColumn,
    { of: 'instance_id', title: 'Instance ID', width: 200 },
    { of: 'instance_name', title: 'Name', width: 110 },
    { of: 'instance_type', title: 'Type', width: 130 },
    { of: 'zone_id', title: 'Zone', width: 120 },
    { of: 'hostname', title: 'Host name', width: 110 },
    { of: 'image_id', title: 'Image' },
    { of: 'owner_account_id', title: 'Account', width: 150 },
  ])
    .withTarget(rows(top(50, `aliyun_ecs_instance_info{${ofInstance}}`)))
    .height(4))
  .withPanel(alerts(ofInstance, 'for the chosen instances').span(12).height(7))
  .withPanel(bars('Age of the data, of what is normal',
      'Age of what is shown, by refresh class, as a share of twice the usual interval and a minute. ' +
      'From 100 % on the data count as stale.')
    .span(12).height(7)
    .withTarget(now(`max by (refresh) ((${age}) / ${normalAge})`, '{{refresh}}'))
    .unit('percentunit').max(1).thresholds(steps('green', [0.8, 'orange'], [1, 'red']))
    .links([runbook('AliyunEcsMetadataStale'), runbook('AliyunEcsMetadataNeverRead')]))

  .withRow(new RowBuilder('Bandwidth'))
  .withPanel(bandwidth('Outbound', 'egress'))
  .withPanel(bandwidth('Inbound', 'ingress'))
  .withPanel(timeseries('Share of the limit',
      'Traffic over five minutes as a share of what the instance type allows. Alerts fire above 80 %.')
    .withTarget(overTime(topOfRange(20, share('egress')), '{{instance}} out'))
    .withTarget(overTime(topOfRange(20, share('ingress')), '{{instance}} in'))
    .unit('percentunit').axisSoftMax(1).noValue(needsNodeExporter)
    .thresholds(steps('green', [0.8, 'orange'], [1, 'red'])).thresholdsStyle(thresholdLines())
    .links([runbook('AliyunEcsEgressHigh'), runbook('AliyunEcsIngressHigh')]))
  .withPanel(timeseries('Traffic by interface',
      'Sent (up) and received (down) as node_exporter counts it; the 20 busiest interfaces.')
    .withTarget(overTime(perInterface('node_network_transmit_bytes_total'), '{{instance}} {{device}} sent'))
    .withTarget(overTime(
      perInterface('node_network_receive_bytes_total'), '{{instance}} {{device}} received'))
    .unit('Bps').axisCenteredZero(true)
    .overrideByRegexp('/ received$/', [{ id: 'custom.transform', value: GraphTransform.NegativeY }])
    .noValue('No data: needs node_exporter on the same host.'))

  .withRow(new RowBuilder('Interfaces and disks'))
  .withPanel(table('Interfaces', 'Elastic network interfaces that are attached; at most 50.', [
    instanceColumn,
    { of: 'network_interface_id', title: 'Interface ID' },
    { of: 'mac', title: 'MAC' },
    { of: 'primary_ip_address', title: 'Address' },
    { of: 'vswitch_id', title: 'vSwitch' },
    { of: 'vpc_id', title: 'VPC' },
  ])
    .height(6)
    .withTarget(rows(top(50, `aliyun_ecs_network_interface_info{${ofInstance}}`))))
  .withPanel(table('Addresses', 'Addresses and prefixes of the interfaces; at most 50.', [
    instanceColumn,
    { of: 'mac', title: 'MAC' },
    { of: 'kind', title: 'Kind' },
    { of: 'address', title: 'Address' },
  ])
    .span(12).height(7)
    .withTarget(rows(top(50, `aliyun_ecs_network_interface_address_info{${ofInstance}}`))))
  .withPanel(table('Disks', 'Disks that are attached; at most 50.', [
    instanceColumn,
    { of: 'disk_id', title: 'Disk ID' },
    { of: 'disk_name', title: 'Name' },
  ])
    .span(12).height(7)
    .withTarget(rows(top(50, `aliyun_ecs_disk_info{${ofInstance}}`))))

  .withRow(new RowBuilder('Credential and data'))
  .withPanel(timeseries('Credential: time left',
      'Until the credential of the RAM role ends. It jumps when a new one is there, 30 minutes before ' +
      'the end; under the line it is late. The 20 that end first.')
    .span(8)
    .withTarget(overTime(bottomOfRange(20, credentialLeft), '{{instance}} {{role}}'))
    .unit('dthms').thresholds(steps('red', [1500, 'orange'])).thresholdsStyle(thresholdLines())
    .noValue('No credential: no RAM role is attached, or nothing is known of the instance.')
    .links([runbook('AliyunEcsRamCredentialNotRotated')]))
  .withPanel(counts('Items by state',
      'Items of the metadata service by the state of their newest reading.')
    .span(8)
    .withTarget(overTime(`sum by (state) (aliyun_ecs_metadata_items{${ofInstance}})`, '{{state}}'))
    .links([runbook('AliyunEcsMetadataNeverRead')]))
  .withPanel(timeseries('Requests to the metadata service', 'By HTTP status, or by what went wrong.')
    .span(8)
    .withTarget(overTime(`${requests} > 0`, '{{code}}'))
    .unit('reqps')
    .links([runbook('AliyunEcsMetadataThrottled')]));
