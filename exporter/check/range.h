#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aliyun_ecs {

// A threshold range as the Monitoring Plugins guidelines write it: "[@][start:]end". A value alerts
// when it lies outside of start..end, or with "@" inside; both ends belong to the range. "10" is
// 0..10, "10:" has no upper end, "~:10" no lower one.
class Range {
 public:
  // kInvalid, with what is wrong, for anything else, and where start lies behind end. Numbers are
  // decimal, without exponent.
  [[nodiscard]] static Result<Range> Parse(std::string_view text);

  [[nodiscard]] bool Alerts(double value) const;
  // Whether every value from this one on alerts: of something that is at least so much.
  [[nodiscard]] bool AlertsFrom(double value) const;

  // As it was written; what a graph is told.
  [[nodiscard]] const std::string& text() const { return text_; }

  // The number of a range like "10", above which it alerts; nullptr for any other.
  [[nodiscard]] const double* UpperLimit() const;

 private:
  std::string text_;
  double start_ = 0;
  double end_ = std::numeric_limits<double>::infinity();
  bool inside_ = false;
};

}  // namespace aliyun_ecs
