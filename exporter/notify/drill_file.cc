#include "notify/drill_file.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/log.h"
#include "metadata/notice.h"

namespace aliyun_ecs {
namespace {

constexpr std::size_t kMostBytes = 4096;
constexpr Duration kBetweenLooks = std::chrono::seconds(1);

Duration SinceEpoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Result<SystemTime> ParseDrill(std::string_view content) {
  using Json = nlohmann::json;
  int keys = 0;  // a key that is there twice is one member
  const auto count = [&keys](int, Json::parse_event_t event, Json&) {
    if (event == Json::parse_event_t::key) ++keys;
    return true;
  };
  const Json json = Json::parse(content, count, /*allow_exceptions=*/false);
  const bool one_time =
      json.is_object() && keys == 1 && json.contains("time") && json["time"].is_string();
  const auto time = one_time ? ParseUtc(json["time"].get_ref<const std::string&>()) : std::nullopt;
  if (!time) {
    return Fail(ErrorCode::kInvalid,
                "it must be a JSON object like {\"time\": \"2026-11-26T08:00:00Z\"}, with a UTC "
                "time and nothing else");
  }
  return *time;
}

std::optional<SystemTime> DrillFile::Follow(const Snapshot& snapshot, Instant now) {
  if (now.steady >= look_at_) {
    look_at_ = now.steady + kBetweenLooks;
    Look(now.steady);
  }
  if (running_) {
    if (Stands(snapshot.spot, now.steady) || snapshot.spot.notices != notices_before_) {
      over_ = running_;
      End("there is a real spot termination notice");
    } else if (now.system >= *running_) {
      over_ = running_;
      End("its time has come");
    } else if (wanted_ != running_) {
      End(wanted_ ? "the file says another time"
          : seen_ ? "the file is no drill any more"
                  : "the file is gone");
    } else if (*running_ - now.system > kLongestDrill) {
      wanted_.reset();
      End("the clock was set back");
    }
  }
  // Not before anybody was asked for a real notice, which is what is asked first of all.
  const bool asked = snapshot.up.has_value();
  if (!running_ && wanted_ && wanted_ != over_ && asked) Begin(snapshot, now);
  return running_;
}

// Sets what the file wants.
void DrillFile::Look(SteadyTime now) {
  const auto version = VersionNow();
  if (version && version == seen_) return;
  seen_ = version;
  wanted_.reset();
  const auto content = ReadWholeFile(path_, kMostBytes);
  if (!content) {
    if (content.error().code == ErrorCode::kNotFound) {
      seen_.reset();
      over_.reset();
    } else {
      Refuse(content.error().message, now);
    }
    return;
  }
  const auto time = ParseDrill(*content);
  if (time) {
    wanted_ = *time;
  } else {
    Refuse(time.error().message, now);
  }
}

void DrillFile::Begin(const Snapshot& snapshot, Instant now) {
  const SystemTime time = *wanted_;
  if (time <= now.system) {
    wanted_.reset();
    Refuse("its time is past", now.steady);
  } else if (time - now.system > kLongestDrill) {
    wanted_.reset();
    Refuse("its time is more than an hour ahead", now.steady);
  } else if (Stands(snapshot.spot, now.steady)) {
    over_ = time;
    Refuse("there is a real spot termination notice", now.steady);
  } else {
    running_ = time;
    notices_before_ = snapshot.spot.notices;
    Log(LogLevel::kInfo, "a drill begins; it is no spot termination notice",
        {{"file", path_}, {"time", FormatUtc(time)}});
  }
}

void DrillFile::End(std::string_view reason) {
  Log(LogLevel::kInfo, "the drill ends", {{"time", FormatUtc(*running_)}, {"reason", reason}});
  running_.reset();
}

void DrillFile::Refuse(const std::string& reason, SteadyTime now) {
  if (!rarely_.MaySay(reason, now)) return;
  Log(LogLevel::kWarn, "the drill file starts no drill", {{"file", path_}, {"reason", reason}});
}

std::optional<DrillFile::Version> DrillFile::VersionNow() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return Version{status.st_dev, status.st_ino, status.st_size, SinceEpoch(status.st_mtim),
                 SinceEpoch(status.st_ctim)};
}

}  // namespace aliyun_ecs
