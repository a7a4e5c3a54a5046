#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace aliyun_ecs {

// The label values of aliyun_ecs_exporter_http_requests_total: a closed set, whatever clients do.
inline constexpr std::array<std::string_view, 11> kAnswerCodeNames{
    "200", "400", "401", "404", "405", "408", "429", "431", "500", "503", "other"};
using AnswerCounts = std::array<std::uint64_t, kAnswerCodeNames.size()>;

// Counts the answers of our web server by status. Safe to use from any number of threads.
class AnswerCounter {
 public:
  void Count(int status) { ++counts_[IndexOf(status)]; }
  [[nodiscard]] AnswerCounts Counts() const {
    AnswerCounts counts{};
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i];
    return counts;
  }

 private:
  static constexpr std::size_t IndexOf(int status) {
    constexpr std::array kStatuses{200, 400, 401, 404, 405, 408, 429, 431, 500, 503};
    static_assert(kStatuses.size() + 1 == kAnswerCodeNames.size());
    std::size_t index = 0;
    while (index < kStatuses.size() && kStatuses[index] != status) ++index;
    return index;
  }

  std::array<std::atomic<std::uint64_t>, kAnswerCodeNames.size()> counts_{};
};

}  // namespace aliyun_ecs
