// The pieces of PromQL that several panels share.

/** Which series: those of the chosen jobs, and narrower. */
export const ofJob = 'job=~"$job"';
export const ofInstance = `${ofJob}, instance=~"$instance"`;
export const ofPlace = `${ofJob}, region_id=~"$region", zone_id=~"$zone"`;
export const ofPlacedInstance = `${ofInstance}, region_id=~"$region", zone_id=~"$zone"`;

const identity = 'instance:aliyun_ecs_instance_info:identified';

/**
 * The series with who and where their instances are; those of unknown identity stay, as in the alerts. One
 * for each instance: a target that is there twice must not break the table of all.
 */
export const identified = (series: string) => `max by (job, instance) (${series})
  * on (job, instance) group_left (instance_id, instance_name, instance_type, region_id, zone_id)
  ${identity}{${ofPlacedInstance}}
or on (job, instance)
max by (job, instance) (${series})
  unless on (job, instance) ${identity}{${ofInstance}}`;

/** When instances are taken away. Few have such a series, however large the fleet is. */
export const endings = `(aliyun_ecs_spot_termination_timestamp_seconds{${ofInstance}} > time() - 600)`;

/** The same for drills. */
export const drills = `aliyun_ecs_spot_drill_timestamp_seconds{${ofInstance}}`;

/** The largest (or smallest) n of the series: nothing draws more than 50. */
export const top = (n: number, series: string) => `topk(${n}, ${series})`;
export const bottom = (n: number, series: string) => `bottomk(${n}, ${series})`;

/**
 * The same for graphs: those that were largest (or smallest) within the time range. topk alone chooses
 * anew at every point, so that many more than n series would be drawn.
 */
export const topOfRange = (n: number, series: string) => topOfRangeBy(n, series, series);
/** Those of which something else was largest. */
export const topOfRangeBy = (n: number, series: string, measure: string) => `(${series})
and topk(${n}, max_over_time((${measure})[$__range:$__interval] @ end()))`;

export const bottomOfRange = (n: number, series: string) => `(${series})
and bottomk(${n}, min_over_time((${series})[$__range:$__interval] @ end()))`;

/** Recorded sums over the fleet, by what the name of the rule begins with. */
export const instances = `job_region_zone_type:aliyun_ecs_instance_info:count{${ofPlace}}`;
const notices = 'job_region_zone_type:aliyun_ecs_spot_termination_timestamp_seconds';
export const noticesNow = `${notices}:count{${ofPlace}}`;
export const noticesIn15Minutes = `${notices}:count15m{${ofPlace}}`;
export const noticesInOneDay = `${notices}:count1d{${ofPlace}}`;
export const spotStates = `job_region_zone_state:aliyun_ecs_spot_termination_state:sum{${ofPlace}}`;
export const credentials =
  `job_region_zone_left:aliyun_ecs_ram_credential_expiration_timestamp_seconds:count`;

/** Targets of the chosen jobs that do not answer. */
export const exportersDown =
  `job:aliyun_ecs_exporter_up:count{${ofJob}} - job:aliyun_ecs_exporter_up:sum{${ofJob}}`;

/** The sum, which is 0 and not missing as long as there are instances. */
export const sumOrNone = (series: string) => `sum(${series}) or 0 * sum(${instances})`;
