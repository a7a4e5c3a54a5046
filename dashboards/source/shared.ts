// Panels that stand on more than one dashboard.
import { runbook, toInstance, toRunbooks } from './frame';
import { by, colored, Column, counts, now, overTime, rows, stat, steps, table, words } from './panels';
import {
  bottom, drills, endings, identified, instances, noticesIn15Minutes, spotStates, top, topOfRange,
} from './queries';

export const countdown = steps('green', [-86400, 'red']);

export const instanceColumn: Column =
  { of: 'instance', title: 'Instance', width: 170, link: toInstance('__data.fields') };

const when: Column[] = [
  { of: 'Value #B', title: 'Time left', unit: 'dthms', width: 120, thresholds: countdown },
  { of: 'Value #A', title: 'Ends at', unit: 'dateTimeAsIso', width: 160 },
  instanceColumn,
  { of: 'instance_id', title: 'Instance ID', width: 210 },
  { of: 'instance_name', title: 'Name' },
  { of: 'instance_type', title: 'Type' },
  { of: 'zone_id', title: 'Zone' },
];

const timesOf = (series: string) => [
  rows(bottom(50, `1000 * (${identified(series)})`)),
  rows(bottom(50, `(${identified(series)}) - time()`)),
];

/** Which instance dies when. */
export const endingInstances = () =>
  table('Instances that will be taken away',
      'Spot instances with a notice of termination, the next one first; at most 50. Ten minutes after its ' +
      'time an instance leaves the list. A click on one shows its dashboard.', when)
    .targets(timesOf(endings))
    .sortBy(by('Time left'))
    .noValue('No instance has a notice of termination.')
    .links([runbook('AliyunEcsSpotTerminationScheduled')]);

export const drillingInstances = () =>
  table('Drills', 'Instances that play a termination (--drill.file). Nothing is taken away.', when)
    .targets(timesOf(drills))
    .sortBy(by('Time left'))
    .noValue('No drill is running. RUNBOOKS.md says how to start one.')
    .links([runbook('AliyunEcsSpotDrill')]);

export const nextEnding = () =>
  stat('Next one ends in',
      'Hours, minutes and seconds until the next spot instance with a notice is taken away. A notice comes ' +
      'about five minutes ahead.')
    .withTarget(now(`min(${endings} > time()) - time()`))
    .unit('dthms').thresholds(countdown).noValue('None known');

export const noticesStanding = () =>
  stat('Notices now', 'Spot instances with a notice of termination: those of the list below.')
    .withTarget(now(`count(${identified(endings)}) or 0 * sum(${instances})`))
    .thresholds(steps('green', [1, 'red']))
    .links([runbook('AliyunEcsSpotTerminationScheduled')]);

export const statesOfTermination = () =>
  counts('What is known of spot termination',
      'Instances without a notice (none), with one (scheduled), and those of which nobody knows ' +
      '(unknown).')
    .withTarget(overTime(`sum by (state) (${spotStates})`, '{{state}}'))
    .overrideByName('none', colored('green'))
    .overrideByName('scheduled', colored('red'))
    .overrideByName('unknown', colored('orange'))
    .links([runbook('AliyunEcsSpotStateUnknown')]);

export const noNotice = 'No notice of termination in this time range.';
export const zoneLegend = '{{region_id}} {{zone_id}}';

export const noticesByZone = () =>
  counts('Notices within 15 minutes, by zone',
      'Instances that got a notice in the 15 minutes before, those gone included; the 20 zones with the ' +
      'most. Many in one zone: capacity is being reclaimed there.')
    .withTarget(overTime(
      topOfRange(20, `sum by (region_id, zone_id) (${noticesIn15Minutes})`), zoneLegend))
    .noValue(noNotice)
    .links([runbook('AliyunEcsSpotCapacityReclaimedInZone')]);

export const noticesByType = () =>
  counts('Notices within 15 minutes, by type',
      'The same by instance type; the 20 types with the most.')
    .withTarget(overTime(
      topOfRange(20, `sum by (instance_type) (${noticesIn15Minutes})`), '{{instance_type}}'))
    .noValue(noNotice)
    .links([runbook('AliyunEcsSpotCapacityReclaimedOfType')]);

const severities = words({
  critical: ['critical', 'red'],
  warning: ['warning', 'orange'],
  info: ['info', 'blue'],
  drill: ['drill', 'purple'],
});

/** The alerts that fire among those selected, critical ones first. */
export const alerts = (selected: string, whose: string) =>
  table('Alerts that fire',
      `Alerts of alerts/rules that fire now ${whose}, critical ones first; at most 50. Empty, too, where ` +
      'another server than this data source evaluates the rules.', [
    { of: 'severity', title: 'Severity', width: 90, words: severities },
    { of: 'alertname', title: 'Alert', link: toRunbooks() },
    instanceColumn,
  ])
    .withTarget(rows(top(50, `2 * ALERTS{${selected}, alertstate="firing", severity="critical"}
or ALERTS{${selected}, alertstate="firing", severity!~"critical|none"}`)))
    .noValue('No alert fires here.');
