#include "expose/negotiation.h"

#include <charconv>
#include <optional>
#include <string>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

// "0", "0.5", "1.000"; nullopt for anything else.
std::optional<double> ParseQuality(std::string_view text) {
  constexpr std::size_t kLongest = 5;
  const bool form = !text.empty() && text.size() <= kLongest &&
                    text.find_first_not_of("0123456789.") == std::string_view::npos;
  double quality = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quality);
  if (!form || error != std::errc() || end != text.data() + text.size() || quality > 1) {
    return std::nullopt;
  }
  return quality;
}

// One element of such a list: `name; key=value; q=0.5`.
struct Preference {
  std::string name;
  std::string version;  // of the parameter called so
  double quality = 1;
};

// nullopt when it is malformed.
std::optional<Preference> ParsePreference(std::string_view text) {
  const auto pieces = Split(text, ';');
  Preference preference;
  preference.name = LowerCase(Trim(pieces.front()));
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const auto equals = pieces[i].find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = LowerCase(Trim(pieces[i].substr(0, equals)));
    auto value = Trim(pieces[i].substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (key == "version") preference.version = value;
    if (key == "q") {
      const auto quality = ParseQuality(value);
      if (!quality) return std::nullopt;
      preference.quality = *quality;
    }
  }
  return preference;
}

// The quality that the most specific matching element gives, where `Specificity` is 0 for an
// element that does not match.
template <typename Specificity>
std::optional<double> QualityOf(std::string_view list, Specificity specificity) {
  std::optional<double> quality;
  int best = 0;
  for (const auto element : Split(list, ',')) {
    const auto preference = ParsePreference(element);
    if (!preference) continue;
    const int match = specificity(*preference);
    // Of two that are as specific the client means the better one.
    if (match == 0 || match < best || (match == best && preference->quality <= quality)) continue;
    best = match;
    quality = preference->quality;
  }
  return quality;
}

}  // namespace

Exposition NegotiateExposition(std::string_view accept) {
  const auto open_metrics = QualityOf(accept, [](const Preference& preference) {
    const bool named = preference.name == "application/openmetrics-text";
    const bool ours = preference.version.empty() || preference.version == "1.0.0";
    return named && ours ? 1 : 0;
  });
  if (!open_metrics || *open_metrics == 0) return Exposition::kText;
  const auto text = QualityOf(accept, [](const Preference& preference) {
    const bool ours = preference.version.empty() || preference.version == "0.0.4";
    if (preference.name == "text/plain") return ours ? 3 : 0;
    if (preference.name == "text/*") return 2;
    return preference.name == "*/*" ? 1 : 0;
  });
  return text.value_or(0) > *open_metrics ? Exposition::kText : Exposition::kOpenMetrics;
}

bool NegotiateGzip(std::string_view accept_encoding) {
  const auto quality_of = [&](std::string_view coding, std::string_view alias) {
    return QualityOf(accept_encoding, [&](const Preference& preference) {
      if (preference.name == coding || preference.name == alias) return 2;
      return preference.name == "*" ? 1 : 0;
    });
  };
  const double gzip = quality_of("gzip", "x-gzip").value_or(0);
  return gzip > 0 && gzip >= quality_of("identity", "identity").value_or(0);
}

}  // namespace aliyun_ecs
