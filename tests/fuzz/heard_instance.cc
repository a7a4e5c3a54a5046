#include "fuzz/heard_instance.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "metadata/notice.h"

namespace aliyun_ecs::fuzz {
namespace {

constexpr std::string_view kRole =
    R"({"Code": "Success", "Expiration": "2026-01-01T06:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z"})";

void HearAnswer(Snapshot& snapshot, const ItemInstance& instance, std::string_view body,
                Instant now) {
  auto value = ValueOf(Row(instance.item), Secret(body));
  if (!value) {
    snapshot.readings[instance].failure = value.error();
    return;
  }
  Reading reading;
  reading.answer = Answer{*std::move(value), now};
  if (instance.item == kSpotTerminationTime) {
    const auto* const time = reading.Get<SystemTime>();
    std::ignore =
        ObserveNotice(snapshot.spot, time ? std::optional(*time) : std::nullopt, now, now.system);
  }
  snapshot.readings[instance] = std::move(reading);
}

std::string_view ExampleOf(ItemId item) {
  return item == kRoleCredentials ? kRole : Row(item).example;
}

// Hears of all that hangs on a new entry of a directory.
void AddEntry(Snapshot& snapshot, Directory directory, const std::string& entry, Instant now) {
  Answer& answer = *snapshot.listings[static_cast<std::size_t>(directory)]->answer;
  auto entries =
      answer.value ? std::get<std::vector<std::string>>(*answer.value) : std::vector<std::string>();
  const auto place = std::lower_bound(entries.begin(), entries.end(), entry);
  if (place != entries.end() && *place == entry) return;
  entries.insert(place, entry);
  answer.value = std::move(entries);
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto item = static_cast<ItemId>(i);
    if (DirectoryOf(item) == directory) HearAnswer(snapshot, {item, entry}, ExampleOf(item), now);
  }
  if (directory == Directory::kRoles) snapshot.roles[entry];
  if (directory != Directory::kTags) return;
  auto& tags = snapshot.instance_tags;
  // As --metrics.instance-tags has them.
  const bool again = std::any_of(tags.begin(), tags.end(), [&](const std::string& other) {
    return TagLabel(other) == TagLabel(entry);
  });
  if (!again) tags.push_back(entry);
}

}  // namespace

Snapshot HearInstance(std::string_view input, Instant now) {
  Snapshot snapshot;
  snapshot.ready = snapshot.filled = true;
  snapshot.up = true;
  snapshot.published_at = now;
  snapshot.token_expiration = now.system + std::chrono::hours(6);
  snapshot.refresh_intervals.fill(std::chrono::seconds(60));
  constexpr std::string_view kEntries[] = {"00:16:3e:00:00:01", "d-1", "k", "Role", "team"};
  for (auto& listing : snapshot.listings) listing.emplace().answer.emplace().at = now;
  for (std::size_t i = 0; i < kDirectories.size(); ++i) {
    AddEntry(snapshot, static_cast<Directory>(i), std::string(kEntries[i]), now);
  }
  for (std::size_t i = 0; i < kItems.size(); ++i) {
    const auto item = static_cast<ItemId>(i);
    if (!DirectoryOf(item)) HearAnswer(snapshot, {item, ""}, ExampleOf(item), now);
  }
  while (!input.empty()) {
    const auto part = input.substr(0, input.find("\n> "));
    input.remove_prefix(std::min(input.size(), part.size() + 1));
    const auto line = part.substr(0, part.find('\n'));
    if (!line.starts_with("> ")) continue;
    const auto instance = ItemInstanceAt(line.substr(2));
    if (!instance) continue;
    if (const auto directory = DirectoryOf(instance->item)) {
      AddEntry(snapshot, *directory, instance->index, now);
    }
    HearAnswer(snapshot, *instance, part.substr(std::min(part.size(), line.size() + 1)), now);
  }
  return snapshot;
}

}  // namespace aliyun_ecs::fuzz
