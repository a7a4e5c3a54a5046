#include "expose/metrics_reference.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "metadata/catalog.h"

namespace aliyun_ecs {
namespace {

constexpr std::string_view kIntroduction =
    R"(<!-- Generated from exporter/metadata/catalog.h. To regenerate:
     aliyun_ecs_exporter --metrics-reference > exporter/METRICS.md -->

# Metrics

Everything the exporter says about an Alibaba Cloud ECS instance, and where it comes from. Facts are
`*_info` gauges of value 1, times are Unix time stamps in seconds, units are base units.

## Families

A label in *italics* does not come from an item.

)";

constexpr std::string_view kItemsIntroduction = R"(
## Items of the metadata service

Paths are below `/latest/meta-data/`, as the vendor writes them. *Optional* items are absent (404) on
instances that have no such thing; their label is empty then, or their family has no sample.

Withheld on purpose:

- Of a RAM role's credential document, only the role's name, `Code` (as success or not), `Expiration`
  and `LastUpdated` are shown. The AccessKey ID, the AccessKey secret and the STS token never leave
  the function that reads the document.
- Of a public key, only its type and SHA-256 fingerprint are shown, as `ssh-keygen -l` prints them.
  The key itself and its comment are not.

)";

constexpr std::string_view kNotes = R"(
## Refresh classes

| class | read every | flag |
|---|---|---|
| spot | 5 s; 2 s while a notice stands | `--poll.spot-interval`, `--poll.notice-interval` |
| credentials | 1 h; 60 s from 35 minutes before the end until the new one is seen, and while `Code` is not Success | `--poll.credentials-interval` |
| listing | 5 min: which interfaces, disks, key pairs, roles and tags there are | `--poll.listing-interval` |
| identity | 1 h, spread over the hour | `--poll.identity-interval` |
| posture | 1 h: one request without a session token, hardened mode only | `--poll.posture-interval` |

## Good to know

- **A scrape never asks the metadata service.** Exporters usually fetch when they are scraped. This
  one polls at its own pace, because the service throttles an instance that asks often, because a
  reclaim notice lives only five minutes, and because any number of scrapers must cost it nothing.
  `aliyun_ecs_metadata_last_success_timestamp_seconds` tells how old what you see is, and
  `aliyun_ecs_metadata_refresh_interval_seconds` how old it may normally be.
- **`aliyun_ecs_spot_termination_state`** is `none` only while the newest successful reading said so,
  is younger than three intervals, and was not followed by nonsense. Once a notice was read it stays
  `scheduled` through any trouble, restarts (`--state.file`) and steps of the clock included, until
  the service says otherwise or ten minutes past its time. Everything else is `unknown`.
- **A counter of notices counts a notice once**, however often the service is lost meanwhile.
- **A drill** (`--drill.file`) is one series of its own, there from when the file is seen until its
  time, at most an hour, or until the file or a real notice ends it. No other family changes.
- **A role's series go with the role.** A listing of disks, key pairs, roles or tags that was not
  empty and comes empty or as 404 is asked for once more before its entries are given up; an empty
  listing of interfaces is never believed, because every instance has one.
- **`aliyun_ecs_metadata_normal_mode_open`** comes from one request without a token to `region-id`.
  In hardened-only mode it is answered 403, so `aliyun_ecs_metadata_requests_total{code="403"}` grows
  by one an hour there; `--poll.posture-interval=0` leaves it out.
- **Instance tags** become labels only where `--metrics.instance-tags=team,env` names them, as
  `tag_team` and `tag_env`: the keys are yours, not ours. They are 404 until the instance allows them
  (`InstanceMetadataTags`), which is normal. A wanted tag that is not set has an empty label; while
  none of them is set there is no series. Join them as any info family, to route alerts by team.
- **`aliyun_ecs_metadata_clock_skew_seconds`** is positive when the local clock is ahead. Countdowns
  are computed by the local clock.
- **Join identity instead of copying it**:
  `X * on (job, instance) group_left (instance_id, zone_id) aliyun_ecs_instance_info`.
- Bandwidth limits are given by the vendor in Kbit/s; one Kbit is taken as 1000 bit. They are limits
  of the instance, all of its interfaces together.
- An info family appears once all of its labels are known, never by halves. Only a label that an
  instance need not have can come later: when its item fails three times in a row it stays empty
  until it can be read.
- `--metadata.exclude=ITEM` leaves an item out: it is not read, its label or family is gone, and it
  no longer counts in `aliyun_ecs_metadata_items`.
- In OpenMetrics an info is called without its `_info` and a counter without its `_total` where its
  type and help are told; the samples have the names above, so queries do not change.
- `process_*` may be up to 0.1 s old. `--once` and `--textfile` leave them out.
- If a scrape target has a label of the same name as one here (`instance_id`, say), Prometheus
  renames ours to `exported_instance_id`. Give the target label another name, or set
  `honor_labels: true` for this job.
)";

std::string LabelsOf(const Family& family) {
  std::vector<std::string> labels;
  std::string_view own = family.labels;
  while (!own.empty()) {
    const auto comma = own.find(',');
    labels.push_back(fmt::format("*{}*", own.substr(0, comma)));
    own = comma == std::string_view::npos ? std::string_view() : own.substr(comma + 1);
  }
  for (const ItemId item : ItemsOf(family)) {
    const auto label = fmt::format("{}", Row(item).label);
    const bool again = !labels.empty() && labels.back() == label;  // one label from several items
    if (!label.empty() && !again) labels.push_back(label);
  }
  return fmt::format("{}", fmt::join(labels, ", "));
}

std::string LabelOf(const Item& item) {
  if (!item.label.empty()) return fmt::format("`{}`", item.label);
  return item.shape == Shape::kCredentialDocument ? "`role`, and the values of `aliyun_ecs_ram_*`"
                                                  : "(the value)";
}

}  // namespace

std::string MetricsReference() {
  std::string text(kIntroduction);
  text += "| family | type | labels | meaning |\n|---|---|---|---|\n";
  for (const Family& family : kFamilies) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", family.name, Name(family.type),
                        LabelsOf(family), family.help);
  }
  text += kItemsIntroduction;
  text +=
      "| item | family | label | meaning | form | refresh class | presence | sensitivity |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const Item& item : kItems) {
    text += fmt::format("| `{}` | `{}` | {} | {} | {} | {} | {} | {} |\n", item.path, item.family,
                        LabelOf(item), item.help, Name(item.shape), Name(item.refresh),
                        Name(item.presence), Name(item.sensitivity));
  }
  text += kNotes;
  return text;
}

}  // namespace aliyun_ecs
