#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

// The rules of the house that a machine can check: the arrows (which folder may include which, and
// which library appears where), the doors of Secret, the fuzz targets and their inputs, the top
// level. CMakeLists.txt says the same to the linker; headers without a library need this test.

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = ALIYUN_ECS_SOURCE_DIR;

// base <- metadata <- client <- poll, notify, check; and expose beside client. main and options may
// all.
const std::map<std::string, std::set<std::string>> kArrows = {
    {"base", {"base"}},
    {"metadata", {"metadata", "base"}},
    {"client", {"client", "metadata", "base"}},
    {"poll", {"poll", "client", "metadata", "base"}},
    {"notify", {"notify", "client", "metadata", "base"}},
    {"expose", {"expose", "metadata", "base"}},
    {"check", {"check", "client", "metadata", "base"}},
    {"simulator", {"simulator", "metadata", "base"}},
};

// By the start of the header's name: the only files (by the start of their path) that include it.
const std::map<std::string, std::vector<std::string>> kLibraries = {
    {"curl/", {"exporter/client/curl_transport.cc"}},
    {"prometheus/", {"exporter/expose/"}},
    {"civetweb.h", {"exporter/expose/http_server.cc"}},
    {"nlohmann/",
     {"exporter/metadata/snapshot_json.cc", "exporter/metadata/told_object.h",
      "exporter/metadata/value.cc", "exporter/metadata/value_json", "exporter/notify/",
      "exporter/poll/state_file.cc", "tests/simulator/"}},
    {"CLI/", {"exporter/options.cc", "exporter/check/check_options.cc", "tests/simulator/main.cc"}},
    {"yaml-cpp/", {"exporter/base/yaml_document"}},
    {"systemd/", {"exporter/base/service_manager.cc"}},
    {"zlib.h", {"exporter/expose/gzip.cc"}},
    {"crypt.h", {"exporter/expose/basic_auth.cc"}},
    {"spdlog/", {"exporter/base/log.cc"}},
    {"openssl/",
     {"exporter/client/curl_transport.cc", "exporter/expose/basic_auth.cc",
      "exporter/expose/tls.cc", "exporter/expose/web_config.cc", "exporter/metadata/value.cc"}},
};

struct Include {
  std::string file;    // "exporter/poll/poller.cc"
  std::string header;  // "client/metadata_client.h" or "curl/curl.h"
  bool ours;           // in quotes
};

// Every #include of the product and of the simulator.
std::vector<Include> Includes() {
  std::vector<Include> includes;
  for (const char* const root : {"exporter", "tests/simulator"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kSource / root)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      const std::string file = fs::relative(entry.path(), kSource).generic_string();
      std::ifstream stream(entry.path());
      for (std::string line; std::getline(stream, line);) {
        if (!line.starts_with("#include")) continue;
        const auto open = line.find_first_of("\"<");
        const auto close = line.find_last_of("\">");
        EXPECT_LT(open, close) << file << ": " << line;
        includes.push_back({file, line.substr(open + 1, close - open - 1), line[open] == '"'});
      }
    }
  }
  return includes;
}

// "poll" for "exporter/poll/poller.cc"; empty for main.cc and options, which may all.
std::string FolderOf(const std::string& file) {
  if (file.starts_with("tests/simulator/")) return "simulator";
  const std::string inside = file.substr(file.find('/') + 1);
  const auto slash = inside.find('/');
  return slash == std::string::npos ? "" : inside.substr(0, slash);
}

TEST(IncludeArrowsTest, EveryFolderHasItsArrows) {
  for (const auto& include : Includes()) {
    const std::string folder = FolderOf(include.file);
    EXPECT_TRUE(folder.empty() || kArrows.contains(folder))
        << include.file << " lies in a folder without arrows; say above what it may include";
  }
}

TEST(IncludeArrowsTest, FoldersIncludeOnlyWhatTheirArrowsAllow) {
  const auto includes = Includes();
  ASSERT_GT(includes.size(), 200u) << "the test looks in the wrong place";
  for (const auto& [file, header, ours] : includes) {
    const std::string folder = FolderOf(file);
    if (!ours || folder.empty()) continue;
    EXPECT_TRUE(kArrows.at(folder).contains(header.substr(0, header.find('/'))))
        << file << " must not include " << header;
  }
}

TEST(IncludeArrowsTest, LibrariesAppearOnlyWhereTheyBelong) {
  std::set<std::string> seen;
  for (const auto& [file, header, ours] : Includes()) {
    if (ours) continue;
    for (const auto& [start, places] : kLibraries) {
      if (!header.starts_with(start)) continue;
      seen.insert(start);
      const bool allowed = std::any_of(places.begin(), places.end(),
                                       [&, &f = file](const auto& p) { return f.starts_with(p); });
      EXPECT_TRUE(allowed) << file << " must not include " << header;
    }
  }
  EXPECT_EQ(seen.size(), kLibraries.size()) << "a library is listed that nobody includes";
}

TEST(SecretsTest, RevealIsCalledOnlyWhereBytesAreParsedOrSent) {
  const std::set<std::string> doors = {
      "exporter/base/atomic_file.cc",       "exporter/base/secret.h",
      "exporter/check/exporter_source.cc",  "exporter/client/curl_transport.cc",
      "exporter/client/metadata_client.cc", "exporter/metadata/value.cc"};
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "exporter")) {
    const std::string file = fs::relative(entry.path(), kSource).generic_string();
    if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
    std::ifstream stream(entry.path());
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    if (text.find("Reveal()") != std::string::npos) {
      EXPECT_TRUE(doors.contains(file)) << file << " opens a Secret";
    }
  }
}

// The names of the files and folders in tests/fuzz/`folder` that end in `extension`, without it.
std::set<std::string> FuzzNames(const std::string& folder, const std::string& extension) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kSource / "tests/fuzz" / folder)) {
    if (entry.path().extension() == extension) names.insert(entry.path().stem().string());
  }
  return names;
}

TEST(FuzzTargetsTest, EveryOneHasItsInputsAndNothingIsLeftOfAnother) {
  std::set<std::string> targets;
  std::ifstream stream(kSource / "tests/fuzz/fuzz.cmake");
  constexpr std::string_view kCall = "aliyun_ecs_fuzz_target(";
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(kCall)) continue;
    const auto end = line.find_first_of(" )", kCall.size());
    targets.insert(line.substr(kCall.size(), end - kCall.size()));
  }
  EXPECT_GT(targets.size(), 20u);
  EXPECT_EQ(FuzzNames("corpus", ""), targets);
  for (const auto& target : targets) {
    EXPECT_TRUE(fs::exists(kSource / "tests/fuzz" / (target + ".cc"))) << target;
    std::uintmax_t bytes = 0;
    for (const auto& input : fs::directory_iterator(kSource / "tests/fuzz/corpus" / target)) {
      bytes += input.file_size();
    }
    EXPECT_GT(bytes, 0u) << target << " has no inputs to replay";
    EXPECT_LT(bytes, 200u * 1024) << target << " has too many: tests/fuzz/run.sh --keep";
  }
  for (const auto& dictionary : FuzzNames(".", ".dict")) {
    EXPECT_TRUE(targets.contains(dictionary)) << dictionary << ".dict serves no target";
  }
}

// What defines Fuzz() is a target.
TEST(FuzzTargetsTest, EveryFileThatIsOneIsBuilt) {
  const auto inputs = FuzzNames("corpus", "");
  for (const auto& name : FuzzNames(".", ".cc")) {
    std::ifstream stream(kSource / "tests/fuzz" / (name + ".cc"));
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    if (text.find("\nvoid Fuzz(std::string_view") == std::string::npos) continue;
    EXPECT_TRUE(inputs.contains(name)) << name;
  }
}

TEST(TopLevelTest, HoldsOnlyTheFoldersThatWereDecided) {
  const std::set<std::string> decided = {"exporter", "dashboards", "alerts", "tests",
                                         "docker",   ".ci",        ".git",   "build"};
  for (const auto& entry : fs::directory_iterator(kSource)) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(decided.contains(entry.path().filename().string())) << entry.path();
  }
}

}  // namespace
}  // namespace aliyun_ecs
