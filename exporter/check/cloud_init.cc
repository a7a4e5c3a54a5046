#include "check/cloud_init.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <limits>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/text.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;

constexpr std::array kFirstThatReadsHardened{23, 2, 2};
constexpr std::size_t kMaxFileBytes = 64 * 1024;

// The value of `__VERSION__ = "22.4.2"` in a Python file.
std::optional<std::string> VersionIn(std::string_view python) {
  for (const std::string_view line : Split(python, '\n')) {
    constexpr std::string_view kName = "__VERSION__";
    if (!line.starts_with(kName)) continue;
    std::string_view value = Trim(line.substr(kName.size()));
    if (!value.starts_with('=')) continue;
    value = Trim(value.substr(1));
    if (value.size() < 3 || (value[0] != '"' && value[0] != '\'')) continue;
    value = value.substr(1, value.find(value[0], 1) - 1);
    constexpr std::string_view kAllowed =
        "0123456789.+-~_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const bool version = !value.empty() && value.size() <= 64 && value[0] >= '0' &&
                         value[0] <= '9' &&
                         value.find_first_not_of(kAllowed) == std::string_view::npos;
    if (version) return std::string(value);
  }
  return std::nullopt;
}

// "/usr/lib/python3/dist-packages" and its like, in an order that does not change.
std::vector<fs::path> PackageFolders(const fs::path& root) {
  std::vector<fs::path> folders;
  for (const char* const library : {"usr/lib", "usr/lib64", "usr/local/lib"}) {
    std::error_code error;
    for (fs::directory_iterator entry(root / library, error), end; !error && entry != end;
         entry.increment(error)) {
      if (!entry->path().filename().string().starts_with("python")) continue;
      folders.push_back(entry->path() / "dist-packages");
      folders.push_back(entry->path() / "site-packages");
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace

std::optional<std::string> InstalledCloudInit(const std::string& root) {
  for (const fs::path& folder : PackageFolders(root)) {
    const auto python = ReadWholeFile(folder / "cloudinit" / "version.py", kMaxFileBytes);
    if (!python) continue;
    if (auto version = VersionIn(*python)) return version;
  }
  return std::nullopt;
}

bool CloudInitReadsHardened(std::string_view version) {
  std::array<int, kFirstThatReadsHardened.size()> numbers{};
  const char* at = version.data();
  const char* const last = at + version.size();
  for (int& number : numbers) {
    const auto [end, error] = std::from_chars(at, last, number);
    if (error == std::errc::result_out_of_range) {
      number = std::numeric_limits<int>::max();
    } else if (error != std::errc()) {
      break;
    }
    at = end;
    if (at == last || *at != '.') break;
    ++at;
  }
  return numbers >= kFirstThatReadsHardened;
}

}  // namespace aliyun_ecs
