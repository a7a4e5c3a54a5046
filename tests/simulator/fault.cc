#include "simulator/fault.h"

#include <array>
#include <charconv>
#include <utility>

namespace aliyun_ecs::simulator {
namespace {

constexpr std::array<std::pair<std::string_view, Fault::Kind>, kFaultKinds> kNames{{
    {"status", Fault::Kind::kStatus},
    {"delay", Fault::Kind::kDelay},
    {"hang", Fault::Kind::kHang},
    {"reset", Fault::Kind::kReset},
    {"close", Fault::Kind::kClose},
    {"cut", Fault::Kind::kCut},
    {"drip", Fault::Kind::kDrip},
    {"garbage", Fault::Kind::kGarbage},
    {"html", Fault::Kind::kHtml},
    {"wrong-length", Fault::Kind::kWrongLength},
    {"throttle", Fault::Kind::kThrottle},
}};

std::optional<double> ParseDecimal(std::string_view text, double least, double most) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // Also false for what is not a number.
  return value >= least && value <= most ? std::optional(value) : std::nullopt;
}

// Bytes that no HTTP response begins with, the same for the same fault.
std::string Garbage(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(256, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() & 0xFF);
  bytes[0] = '\x16';
  return bytes;
}

constexpr std::string_view kPortal =
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
    "<body><h1>Sign in to use this network</h1></body></html>\n";

}  // namespace

std::optional<Throttle> ParseThrottle(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto rate = ParseDecimal(text.substr(0, slash), Throttle::kLeastRate, Throttle::kMostRate);
  const auto burst =
      ParseDecimal(text.substr(slash + 1), Throttle::kLeastBurst, Throttle::kMostBurst);
  if (!rate || !burst) return std::nullopt;
  return Throttle{.rate = *rate, .burst = *burst};
}

std::optional<Fault::Kind> ParseFaultKind(std::string_view text) {
  for (const auto& [name, kind] : kNames) {
    if (name == text) return kind;
  }
  return std::nullopt;
}

std::string_view Name(Fault::Kind kind) { return kNames[static_cast<std::size_t>(kind)].first; }

bool MatchesPattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      // What the star stands for was too short.
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

FaultList::FaultList(std::vector<Fault> faults, SteadyTime now) {
  for (auto& fault : faults) {
    std::optional<TokenBucket> bucket;
    if (fault.kind == Fault::Kind::kThrottle) {
      bucket.emplace(fault.throttle.rate, fault.throttle.burst, now);
    }
    std::mt19937_64 random(fault.seed);
    faults_.push_back(
        {.entry = {.fault = std::move(fault)}, .since = now, .random = random, .bucket = bucket});
  }
}

const Fault* FaultList::Strike(std::string_view method, std::string_view path, SteadyTime now) {
  for (auto& active : faults_) {
    const auto& fault = active.entry.fault;
    if (fault.method && *fault.method != method) continue;
    if (!MatchesPattern(fault.path, path)) continue;
    ++active.entry.matched;
    if (!Strikes(active, now)) continue;
    ++active.entry.struck;
    return &fault;
  }
  return nullptr;
}

bool FaultList::Strikes(Active& active, SteadyTime now) {
  const auto& [fault, matched, struck] = active.entry;
  if (fault.lasts && now - active.since >= *fault.lasts) return false;
  if (matched <= fault.after_requests) return false;
  if (fault.times && struck >= *fault.times) return false;
  // In steps of 2^-53, and never 1, so that probability 1 is certainty.
  const double chance = static_cast<double>(active.random() >> 11) * 0x1p-53;
  if (chance >= fault.probability) return false;
  return !active.bucket || !active.bucket->TryTake(now);
}

std::vector<FaultList::Entry> FaultList::entries() const {
  std::vector<Entry> entries;
  for (const auto& active : faults_) entries.push_back(active.entry);
  return entries;
}

bool Replaces(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kDelay:
    case Fault::Kind::kCut:
    case Fault::Kind::kDrip:
    case Fault::Kind::kWrongLength:
      return false;
    default:
      return true;
  }
}

Response ReplacementOf(const Fault& fault) {
  switch (fault.kind) {
    case Fault::Kind::kGarbage:
      return {.status = 0, .body = Garbage(fault.seed)};
    case Fault::Kind::kHtml:
      return {.content_type = "text/html", .body = std::string(kPortal)};
    case Fault::Kind::kStatus:
    case Fault::Kind::kThrottle: {
      auto page = ErrorPage(fault.status);
      if (fault.retry_after) {
        page.headers.emplace_back("Retry-After", std::to_string(fault.retry_after->count()));
      }
      return page;
    }
    default:
      return {.status = 0};
  }
}

Delivery DeliveryOf(const Fault& fault) {
  Delivery delivery{.delay = fault.delay};
  switch (fault.kind) {
    case Fault::Kind::kHang:
      delivery.how = Delivery::How::kHang;
      break;
    case Fault::Kind::kReset:
      delivery.how = Delivery::How::kReset;
      break;
    case Fault::Kind::kClose:
      delivery.how = Delivery::How::kClose;
      break;
    case Fault::Kind::kCut:
      delivery.how = Delivery::How::kCut;
      break;
    case Fault::Kind::kGarbage:
      delivery.how = Delivery::How::kGarbage;
      break;
    case Fault::Kind::kDrip:
      delivery.how = Delivery::How::kDrip;
      delivery.drip_bytes = fault.drip_bytes;
      delivery.drip_interval = fault.drip_interval;
      break;
    case Fault::Kind::kWrongLength:
      delivery.wrong_length_by = fault.wrong_length_by;
      break;
    default:
      break;
  }
  return delivery;
}

}  // namespace aliyun_ecs::simulator
