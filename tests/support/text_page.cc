#include "support/text_page.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

namespace aliyun_ecs {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes what it is asked for from the front of a text; once that is not there, good() is false.
class Scanner {
 public:
  Scanner(std::string_view text, bool open_metrics) : rest_(text), open_metrics_(open_metrics) {}

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool Sees(std::string_view word) const { return rest_.starts_with(word); }

  bool TakeIf(std::string_view word) {
    if (!Sees(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void Take(std::string_view word) { good_ = TakeIf(word) && good_; }

  // A metric's name, which may have colons, or a label's.
  std::string TakeName(bool colons) {
    std::size_t size = 0;
    while (size < rest_.size() && (IsLetter(rest_[size]) || (colons && rest_[size] == ':') ||
                                   (size > 0 && IsDigit(rest_[size])))) {
      ++size;
    }
    if (size == 0) good_ = false;
    return Remove(size);
  }

  std::string TakeWord() { return Remove(std::min(rest_.find_first_of(" \n"), rest_.size())); }

  // To the end of the line, or to the quote that ends it.
  std::string TakeEscaped(bool quoted) {
    std::string text;
    while (!rest_.empty() && rest_[0] != '\n' && !(quoted && rest_[0] == '"')) {
      if (rest_[0] != '\\') {
        text += Remove(1);
      } else if (TakeIf("\\\\")) {
        text += '\\';
      } else if (TakeIf("\\n")) {
        text += '\n';
      } else if ((quoted || open_metrics_) && TakeIf("\\\"")) {
        text += '"';
      } else {
        good_ = false;
        return text;
      }
    }
    return text;
  }

  double TakeNumber() {
    const std::string word = TakeWord();
    if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (word == "+Inf") return std::numeric_limits<double>::infinity();
    if (word == "-Inf") return -std::numeric_limits<double>::infinity();
    double number = 0;
    const char* const last = word.data() + word.size();
    const auto [end, error] = std::from_chars(word.data(), last, number);
    const bool decimal = word.find_first_not_of("0123456789+-.e") == std::string::npos;
    if (!decimal || error != std::errc() || end != last) good_ = false;
    return number;
  }

  void Fail() { good_ = false; }

 private:
  std::string Remove(std::size_t size) {
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  const bool open_metrics_;
  bool good_ = true;
};

PageSample TakeSample(Scanner& scanner) {
  PageSample sample;
  sample.name = scanner.TakeName(/*colons=*/true);
  if (scanner.TakeIf("{")) {
    std::set<std::string> names;
    do {
      std::string name = scanner.TakeName(/*colons=*/false);
      scanner.Take("=\"");
      std::string value = scanner.TakeEscaped(/*quoted=*/true);
      scanner.Take("\"");
      if (!names.insert(name).second) scanner.Fail();
      sample.labels.emplace_back(std::move(name), std::move(value));
    } while (scanner.good() && scanner.TakeIf(","));
    scanner.Take("}");
  }
  scanner.Take(" ");
  sample.value = scanner.TakeNumber();
  scanner.Take("\n");
  return sample;
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What may stand behind the family's name in that of a sample.
bool MayEndIn(const PageFamily& family, std::string_view suffix, bool open_metrics) {
  if (family.type == "histogram") return IsOneOf(suffix, {"_bucket", "_sum", "_count"});
  if (open_metrics && family.type == "counter") return suffix == "_total";
  if (open_metrics && family.type == "info") return suffix == "_info";
  return suffix.empty();
}

// The histograms, one after the other: the buckets of each rise, in bound and in count, to the
// count of all; the sum and the count follow, with the same labels.
bool AddsUp(const PageFamily& family) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  auto sample = family.samples.begin();
  const auto end = family.samples.end();
  const auto is = [&](std::string_view suffix, const PageLabels& labels) {
    return sample != end && sample->name == family.name + std::string(suffix) &&
           sample->labels == labels;
  };
  while (sample != end) {
    PageLabels labels = sample->labels;
    if (labels.empty()) return false;
    labels.pop_back();
    double bound = -kInfinity, count = 0;
    for (; bound != kInfinity; ++sample) {
      if (sample == end || sample->labels.empty() || sample->labels.back().first != "le")
        return false;
      PageLabels with_le = labels;
      with_le.push_back(sample->labels.back());
      Scanner le(with_le.back().second, /*open_metrics=*/true);
      const double next = le.TakeNumber();
      if (!is("_bucket", with_le) || !le.good() || !(next > bound) || sample->value < count) {
        return false;
      }
      bound = next;
      count = sample->value;
    }
    if (!is("_sum", labels)) return false;
    ++sample;
    if (!is("_count", labels) || sample->value != count) return false;
    ++sample;
  }
  return true;
}

bool IsSound(const PageFamily& family, bool open_metrics) {
  std::set<std::pair<std::string, PageLabels>> seen;
  for (const PageSample& sample : family.samples) {
    if (!sample.name.starts_with(family.name)) return false;
    const std::string_view suffix = std::string_view(sample.name).substr(family.name.size());
    if (!MayEndIn(family, suffix, open_metrics)) return false;
    auto labels = sample.labels;
    std::sort(labels.begin(), labels.end());
    if (!seen.emplace(sample.name, std::move(labels)).second) return false;
    if (family.type == "info" && sample.value != 1) return false;
    if (family.type == "counter" && !(sample.value >= 0)) return false;
  }
  if (!family.unit.empty() && !family.name.ends_with("_" + family.unit)) return false;
  return family.type != "histogram" || AddsUp(family);
}

std::optional<std::vector<PageFamily>> Read(std::string_view page, bool open_metrics) {
  Scanner scanner(page, open_metrics);
  std::vector<PageFamily> families;
  std::set<std::string> names;
  while (scanner.good() && !scanner.at_end() && !(open_metrics && scanner.Sees("# EOF"))) {
    PageFamily family;
    const auto take_name = [&] {
      std::string name = scanner.TakeName(/*colons=*/true);
      if (!family.name.empty() && name != family.name) scanner.Fail();
      family.name = std::move(name);
      scanner.Take(" ");
    };
    const auto take_help = [&] {
      scanner.Take("# HELP ");
      take_name();
      family.help = scanner.TakeEscaped(/*quoted=*/false);
      scanner.Take("\n");
    };
    if (!open_metrics) take_help();
    scanner.Take("# TYPE ");
    take_name();
    family.type = scanner.TakeWord();
    scanner.Take("\n");
    if (open_metrics && scanner.TakeIf("# UNIT ")) {
      take_name();
      family.unit = scanner.TakeWord();
      scanner.Take("\n");
    }
    if (open_metrics) take_help();
    const bool known =
        open_metrics ? IsOneOf(family.type, {"counter", "gauge", "histogram", "info", "unknown"})
                     : IsOneOf(family.type, {"counter", "gauge", "histogram", "untyped"});
    if (!known || !names.insert(family.name).second) scanner.Fail();
    while (scanner.good() && !scanner.at_end() && !scanner.Sees("#")) {
      family.samples.push_back(TakeSample(scanner));
    }
    if (!IsSound(family, open_metrics)) scanner.Fail();
    families.push_back(std::move(family));
  }
  if (open_metrics) scanner.Take("# EOF\n");
  if (!scanner.good() || !scanner.at_end()) return std::nullopt;
  return families;
}

}  // namespace

std::optional<std::vector<PageFamily>> ReadTextPage(std::string_view page) {
  return Read(page, /*open_metrics=*/false);
}

std::optional<std::vector<PageFamily>> ReadOpenMetricsPage(std::string_view page) {
  return Read(page, /*open_metrics=*/true);
}

}  // namespace aliyun_ecs
