#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace aliyun_ecs::simulator {

// What was asked and answered: counts of all requests, and the newest ones with their times. It
// knows methods, paths and statuses only; queries, headers and bodies may be secret.
//
// A value; not thread-safe. Its memory is bounded, whatever is asked.
class Journal {
 public:
  static constexpr std::size_t kMostRecent = 100'000;
  static constexpr std::size_t kMostCounts = 10'000;
  static constexpr std::size_t kLongestPath = 256;  // bytes; longer ones are cut

  // Requests beyond kMostCounts different ones are counted under this path.
  static constexpr std::string_view kOtherPaths = "(other paths)";

  struct Entry {
    Duration at;  // since the start
    std::string method;
    std::string path;  // as it was asked for, decoded
    int status;        // 0: no HTTP response
  };

  // Keeps the newest `most_recent` requests.
  explicit Journal(SteadyTime start, std::size_t most_recent = kMostRecent)
      : start_(start), most_recent_(most_recent) {}

  void Add(SteadyTime now, std::string_view method, std::string_view path, int status);

  [[nodiscard]] std::uint64_t total() const { return total_; }

  // How many requests for (path, status) there were.
  [[nodiscard]] const std::map<std::pair<std::string, int>, std::uint64_t>& counts() const {
    return counts_;
  }

  // The newest requests, oldest first; all of them as long as there are not too many.
  [[nodiscard]] const std::deque<Entry>& recent() const { return recent_; }

 private:
  SteadyTime start_;
  std::size_t most_recent_;
  std::uint64_t total_ = 0;
  std::map<std::pair<std::string, int>, std::uint64_t> counts_;
  std::deque<Entry> recent_;
};

}  // namespace aliyun_ecs::simulator
