// All instances: what is about to happen, how many there are, and how safe they are.
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, ofTheFleet, runbook } from './frame';
import { bars, colored, counts, now, overTime, rows, stacked, stat, steps, table } from './panels';
import {
  credentials, exportersDown, instances, noticesNow, ofJob, ofPlace, ofPlacedInstance, sumOrNone, top,
  topOfRange,
} from './queries';
import {
  alerts, endingInstances, instanceColumn, nextEnding, noNotice, noticesByType, noticesByZone,
  noticesStanding, statesOfTermination, zoneLegend,
} from './shared';

const late = steps('green', [1, 'orange']);
const grave = steps('green', [1, 'red']);

const silent = `job_region_zone:aliyun_ecs_metadata_up:count{${ofPlace}}
- job_region_zone:aliyun_ecs_metadata_up:sum{${ofPlace}}`;
const open = `job_region_zone:aliyun_ecs_metadata_normal_mode_open:sum{${ofPlace}}`;
const asked = `job_region_zone:aliyun_ecs_metadata_normal_mode_open:count{${ofPlace}}`;
const stale = `job_region_zone:aliyun_ecs_metadata_stale:count{${ofPlace}}`;
const credentialsWith = (left: string) => sumOrNone(`${credentials}{${ofPlace}, left="${left}"}`);
const endingCredentials = `${credentials}{${ofPlace}, left=~"expired|under_25m"}`;

export const fleet = dashboard('fleet',
  'All instances of a fleet: which are about to be taken away, how many there are and where, and what ' +
  'is wrong.')
  .variables(ofTheFleet)

  .withPanel(noticesStanding())
  .withPanel(nextEnding())
  .withPanel(stat('Instances', 'Instances that the exporters report, by the chosen regions and zones.')
    .withTarget(now(`sum(${instances})`)))
  .withPanel(stat('Exporters down',
      'Targets of the chosen jobs that do not answer Prometheus, in all regions: what does not answer ' +
      'cannot say where it is.')
    .withTarget(now(`sum(${exportersDown})`))
    .thresholds(grave)
    .links([runbook('AliyunEcsExporterDown'), runbook('AliyunEcsExporterManyDown')]))
  .withPanel(stat('Metadata silent',
      'Instances whose metadata service gave no proper answer to the newest request: there a notice ' +
      'cannot be seen.')
    .withTarget(now(`sum(${silent})`))
    .thresholds(grave)
    .links([runbook('AliyunEcsMetadataDown')]))
  .withPanel(stat('Credentials late',
      'Credentials of RAM roles that have expired or end within 25 minutes. A new one should be there ' +
      '30 minutes before the end.')
    .withTarget(now(sumOrNone(endingCredentials)))
    .thresholds(grave)
    .links([runbook('AliyunEcsRamCredentialNotRotated'), runbook('AliyunEcsRamCredentialExpired')]))
  .withPanel(endingInstances())
  .withPanel(alerts(`${ofJob}, alertname=~"AliyunEcs.+"`, 'for the chosen jobs, in all regions').span(12))
  .withPanel(counts('In trouble',
      'Exporters that do not answer, instances whose metadata service does not, and instances that show ' +
      'data older than twice the usual interval.')
    .withTarget(overTime(`sum(${exportersDown})`, 'exporter down'))
    .withTarget(overTime(`sum(${silent})`, 'metadata service silent'))
    .withTarget(overTime(`sum(${stale})`, 'data stale'))
    .overrideByName('exporter down', colored('red'))
    .overrideByName('metadata service silent', colored('orange'))
    .overrideByName('data stale', colored('blue'))
    .links(['AliyunEcsExporterDown', 'AliyunEcsMetadataDown', 'AliyunEcsMetadataStale'].map(runbook)))

  .withRow(new RowBuilder('Notices'))
  .withPanel(noticesByZone())
  .withPanel(noticesByType())

  .withRow(new RowBuilder('Instances'))
  .withPanel(bars('By region', 'Instances in each region; the 20 largest.')
    .withTarget(now(`sort_desc(${top(20, `sum by (region_id) (${instances})`)})`, '{{region_id}}')))
  .withPanel(bars('By zone', 'Instances in each zone; the 20 largest.')
    .withTarget(now(`sort_desc(${top(20, `sum by (zone_id) (${instances})`)})`, '{{zone_id}}')))
  .withPanel(bars('By type', 'Instances of each type; the 20 most frequent.')
    .withTarget(now(`sort_desc(${top(20, `sum by (instance_type) (${instances})`)})`, '{{instance_type}}')))
  .withPanel(counts('Instances over time', 'Instances in each zone; the 20 largest zones.')
    .withTarget(overTime(topOfRange(20, `sum by (region_id, zone_id) (${instances})`), zoneLegend))
    .stacking(stacked()))
  .withPanel(statesOfTermination())

  .withRow(new RowBuilder('Health and posture'))
  .withPanel(bars('Credentials by time left',
      'Credentials of RAM roles by the time until they end. A new one is offered 30 minutes before the ' +
      'end.')
    .span(12)
    .targets([
      now(credentialsWith('expired'), 'expired'),
      now(credentialsWith('under_25m'), '< 25 min'),
      now(credentialsWith('under_1h'), '25 to 60 min'),
      now(credentialsWith('over_1h'), '> 60 min'),
    ])
    .overrideByName('expired', [{ id: 'thresholds', value: steps('red').build() }])
    .overrideByName('< 25 min', [{ id: 'thresholds', value: steps('orange').build() }])
    .links([runbook('AliyunEcsRamCredentialNotRotated'), runbook('AliyunEcsRamCredentialExpired')]))
  .withPanel(stat('Open without a token',
      'Instances whose metadata service answers requests without a session token (normal mode). There a ' +
      'forged request of a web application is enough to steal the credential of the RAM role.')
    .span(6).height(8)
    .withTarget(now(`sum(${open})`))
    .thresholds(late).noValue('Not tried yet')
    .links([runbook('AliyunEcsMetadataNormalModeOpen')]))
  .withPanel(stat('Share that is closed',
      'Share of the instances whose metadata service refuses requests without a session token (hardened ' +
      'mode).')
    .span(6).height(8)
    .withTarget(now(`1 - sum(${open}) / sum(${asked})`))
    .unit('percentunit').thresholds(steps('orange', [1, 'green']))
    .noValue('Not tried yet')
    .links([runbook('AliyunEcsMetadataNormalModeOpen')]))

  .withRow(new RowBuilder('Find an instance'))
  .withPanel(table('Instances',
      'At most 50 of the instances chosen above; choose a region, a zone or instances to see others.', [
    instanceColumn,
    { of: 'instance_id', title: 'Instance ID', width: 220 },
    { of: 'instance_name', title: 'Name' },
    { of: 'instance_type', title: 'Type' },
    { of: 'region_id', title: 'Region' },
    { of: 'zone_id', title: 'Zone' },
  ])
    .withTarget(rows(top(50, `instance:aliyun_ecs_instance_info:identified{${ofPlacedInstance}}`)))
    .height(10))

  .withRow(new RowBuilder('Region $region').repeat('region').collapsed(true)
    .withPanel(counts('Instances in $region', 'Instances in each zone of the region; the 20 largest zones.')
      .span(8)
      .withTarget(overTime(topOfRange(20, `sum by (zone_id) (${instances})`), '{{zone_id}}'))
      .stacking(stacked()))
    .withPanel(counts('Notices in $region',
        'Instances with a notice of termination now, in each zone of the region; the 20 zones with the ' +
        'most.')
      .span(8)
      .withTarget(overTime(topOfRange(20, `sum by (zone_id) (${noticesNow})`), '{{zone_id}}'))
      .noValue(noNotice)
      .links([runbook('AliyunEcsSpotCapacityReclaimedInZone')]))
    .withPanel(counts('In trouble in $region',
        'Instances of the region whose metadata service does not answer, or that show data older than ' +
        'twice the usual interval.')
      .span(8)
      .withTarget(overTime(`sum(${silent})`, 'metadata service silent'))
      .withTarget(overTime(`sum(${stale})`, 'data stale'))
      .overrideByName('metadata service silent', colored('orange'))
      .overrideByName('data stale', colored('blue'))
      .links([runbook('AliyunEcsMetadataDown'), runbook('AliyunEcsMetadataStale')])));
