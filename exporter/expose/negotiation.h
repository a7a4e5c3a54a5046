#pragma once

#include <string_view>

#include "expose/text_format.h"

namespace aliyun_ecs {

// What a scraper wants, by its request's header fields (RFC 9110, 12.5). Both are hostile; whatever
// cannot be understood counts for nothing.

// OpenMetrics where `accept` names it, in version 1.0.0 or in none, at least as much as the text
// format; else the text format, also for a client that accepts neither: exporters answer.
[[nodiscard]] Exposition NegotiateExposition(std::string_view accept);

// True when `accept_encoding` wants gzip, at least as much as no coding at all.
[[nodiscard]] bool NegotiateGzip(std::string_view accept_encoding);

}  // namespace aliyun_ecs
