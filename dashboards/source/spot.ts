// Spot instances: which are taken away when, where capacity is reclaimed, and how soon it was known.
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, ofTheFleet, runbook, toInstance } from './frame';
import {
  bars, by, counts, now, overTime, rows, stacked, stat, steps, table, thresholdLines, timeseries,
} from './panels';
import {
  bottom, drills, endings, instances, noticesIn15Minutes, noticesInOneDay, noticesNow, ofInstance, ofPlace,
  ofPlacedInstance, spotStates, sumOrNone, top, topOfRange, topOfRangeBy,
} from './queries';
import {
  drillingInstances, endingInstances, instanceColumn, nextEnding, noNotice, noticesByType, noticesByZone,
  noticesStanding, statesOfTermination, zoneLegend,
} from './shared';

// The vendor gives notice five minutes ahead.
const ending = (window: string) =>
  `last_over_time(aliyun_ecs_spot_termination_timestamp_seconds{${ofInstance}}[${window}])`;
const firstSeen = `aliyun_ecs_spot_termination_first_seen_timestamp_seconds{${ofInstance}}`;
// A notice that was moved to a later time seems to be seen before it came. (Clocks may differ a little.)
const delay = (window: string) =>
  `(last_over_time(${firstSeen}[${window}]) - (${ending(window)} - 300) > -30)`;
const delays = steps('green', [15, 'orange'], [60, 'red']);
const noticeChanges =
  `job_region_zone_change:aliyun_ecs_spot_termination_notice_changes:increase5m{${ofPlace}}`;
const identifiedNotices =
  `instance:aliyun_ecs_spot_termination_timestamp_seconds:identified{${ofPlacedInstance}}`;
const newest = top(50, `last_over_time(${identifiedNotices}[$__range])`);
// The machine that had the address before had another end: what was seen later is not its notice.
const delayOfEach = `0 * (${newest}
    == on (job, instance) group_left () max by (job, instance) (${ending('$__range')}))
  + on (job, instance) group_left () max by (job, instance) (${delay('$__range')})`;

export const spot = dashboard('spot',
  'Spot instances: which are taken away when, where capacity is being reclaimed, and how soon that was ' +
  'known.')
  .variables(ofTheFleet)
  .refresh('10s')

  .withPanel(noticesStanding())
  .withPanel(nextEnding())
  .withPanel(stat('Notices within a day', 'Instances that got a notice within 24 hours, those gone included.')
    .withTarget(now(sumOrNone(noticesInOneDay))))
  .withPanel(stat('Nobody knows',
      'Instances whose exporter could not learn whether they are to be taken away: a notice would be ' +
      'missed.')
    .withTarget(now(`sum(${spotStates.replace('{', '{state="unknown", ')})`))
    .thresholds(steps('green', [1, 'orange']))
    .links([runbook('AliyunEcsSpotStateUnknown')]))
  .withPanel(stat('Seen after (median)',
      'From the notice to its detection, for the notices in the time range: when it was first read, ' +
      'minus the termination less five minutes. Notices moved to a later time are left out.')
    .withTarget(now(`quantile(0.5, ${delay('$__range')})`))
    .unit('s').decimals(1).thresholds(delays).noValue('No notice'))
  .withPanel(stat('Drills', 'Instances that play a termination now. They count nowhere else on this page.')
    .withTarget(now(`count(${drills}) or 0 * sum(${instances})`))
    .thresholds(steps('text', [1, 'purple']))
    .links([runbook('AliyunEcsSpotDrill')]))
  .withPanel(endingInstances())

  .withRow(new RowBuilder('Where capacity is reclaimed'))
  .withPanel(noticesByZone())
  .withPanel(noticesByType())
  .withPanel(timeseries('Share of a zone that got notices',
      'Instances with a notice within 15 minutes, of the most that the zone had lately; the 20 highest. ' +
      'From a tenth on (and three instances) an alert fires.')
    .withTarget(overTime(topOfRange(20, `sum by (region_id, zone_id) (${noticesIn15Minutes})
/ sum by (region_id, zone_id) (max_over_time(${instances}[15m]))`), zoneLegend))
    .unit('percentunit').thresholds(steps('green', [0.1, 'red'])).thresholdsStyle(thresholdLines())
    .noValue(noNotice)
    .links([runbook('AliyunEcsSpotCapacityReclaimedInZone')]))
  .withPanel(statesOfTermination())

  .withRow(new RowBuilder('Notices'))
  .withPanel(bars('Time left now',
      'Until each instance with a notice is taken away; the 20 next ones. A full bar is five minutes.')
    .withTarget(now(`sort(${bottom(20, `${endings} - time()`)})`, '{{instance}}'))
    .unit('dthms').max(300).thresholds(steps('red', [60, 'orange'], [180, 'yellow']))
    .noValue('None known')
    .dataLinks([toInstance('__field.labels')])
    .links([runbook('AliyunEcsSpotTerminationScheduled')]))
  .withPanel(timeseries('Time left',
      'Until instances with a notice are taken away; the 20 that end last.')
    .span(16)
    .withTarget(overTime(topOfRangeBy(20, `${endings} - time()`, endings), '{{instance}}'))
    .unit('dthms').thresholds(steps('red', [60, 'orange'])).thresholdsStyle(thresholdLines())
    .noValue(noNotice)
    .dataLinks([toInstance('__field.labels')]))
  .withPanel(timeseries('From notice to detection',
      'When a notice was first read, minus the termination less five minutes; the longest and the ' +
      'median of the notices standing. Those moved to a later time are left out.')
    .withTarget(overTime(`max(${delay('5m')})`, 'longest'))
    .withTarget(overTime(`quantile(0.5, ${delay('5m')})`, 'median'))
    .unit('s').thresholds(delays).thresholdsStyle(thresholdLines())
    .noValue(noNotice))
  .withPanel(counts('Notices moved and withdrawn',
      'Notices that got another time or were taken back, in five minutes.')
    .withTarget(overTime(`sum by (change) (${noticeChanges})`, '{{change}}')))
  .withPanel(table('Notices in the time range',
      'At most 50, those taken away last first; instances gone included. When a notice was seen is not ' +
      'known where it was moved to a later time.', [
    { of: 'Value #A', title: 'Ends at', unit: 'dateTimeAsIso', width: 165 },
    { of: 'Value #B', title: 'Seen after', unit: 's', width: 120, thresholds: delays, noValue: 'not known' },
    instanceColumn,
    { of: 'instance_type', title: 'Type' },
    { of: 'zone_id', title: 'Zone' },
  ])
    .targets([rows(`1000 * ${newest}`), rows(delayOfEach)])
    .sortBy(by('Ends at', true))
    .noValue(noNotice))

  .withRow(new RowBuilder('Drills: nothing is taken away'))
  .withPanel(drillingInstances().height(6))

  .withRow(new RowBuilder('Zone $zone').repeat('zone').collapsed(true)
    .withPanel(counts('Instances in $zone', 'Instances of each type in the zone; the 20 most frequent.')
      .withTarget(overTime(topOfRange(20, `sum by (instance_type) (${instances})`), '{{instance_type}}'))
      .stacking(stacked()))
    .withPanel(counts('Notices in $zone',
        'Instances with a notice of termination now, by type; the 20 types with the most.')
      .withTarget(overTime(topOfRange(20, `sum by (instance_type) (${noticesNow})`), '{{instance_type}}'))
      .noValue(noNotice)
      .links([runbook('AliyunEcsSpotCapacityReclaimedOfType')])));
