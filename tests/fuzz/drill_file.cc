#include "notify/drill_file.h"

#include "base/text.h"
#include "fuzz/fuzz.h"

// The reader of --drill.file: a time as the service writes them, or one sentence.

namespace aliyun_ecs::fuzz {

void Fuzz(std::string_view input) {
  const auto time = ParseDrill(input);
  if (!time) {
    ALWAYS(time.error().code == ErrorCode::kInvalid);
    ALWAYS(IsPrintableUtf8(time.error().message));
    return;
  }
  const std::string text = FormatUtc(*time);
  ALWAYS(ParseUtc(text) == *time);
  // The shortest file that says so.
  const auto again = ParseDrill("{\"time\":\"" + text + "\"}");
  ALWAYS(again && *again == *time);
  ALWAYS(input.size() >= sizeof "{\"time\":\"2026-11-26T08:00:00Z\"}" - 1);
}

}  // namespace aliyun_ecs::fuzz
