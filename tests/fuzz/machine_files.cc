#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/machine.h"
#include "base/text.h"
#include "check/cloud_init.h"
#include "check/traffic.h"
#include "fuzz/fuzz.h"
#include "support/fake_clock.h"

// What the machine says of itself in files: contents of the files below, one behind the other, cut
// at zero bytes.

namespace aliyun_ecs::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::array kFiles{
    "etc/machine-id",
    "proc/sys/kernel/random/boot_id",
    "sys/class/dmi/id/product_name",
    "usr/lib/python3/dist-packages/cloudinit/version.py",
    "sys/class/net/eth0/address",
    "sys/class/net/eth0/statistics/tx_bytes",
    "sys/class/net/eth0/iflink",
    "sys/class/net/eth0/ifindex",
    "sys/class/net/eth0/uevent",
    "sys/class/net/eth0/bonding_slave/perm_hwaddr",
};

// Goes with the process.
class Root {
 public:
  Root() {
    std::string name = (fs::temp_directory_path() / "machine_files.XXXXXX").string();
    ALWAYS(mkdtemp(name.data()) != nullptr);
    path_ = name + "/";
    for (const char* const file : kFiles)
      fs::create_directories(fs::path(path_ + file).parent_path());
  }
  ~Root() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

void Fuzz(std::string_view input) {
  static const Root root;
  auto contents = Split(input, '\0');
  contents.resize(kFiles.size());
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    std::ofstream(root.path() + kFiles[i], std::ios::binary) << contents[i];
  }
  const Machine machine = Machine::Read(root.path());
  for (const auto& text : {machine.machine_id, machine.boot_id, machine.product_name}) {
    ALWAYS(IsPrintableUtf8(text) && text.size() < 256);
  }
  ALWAYS(machine.IsEcs().has_value() == !machine.product_name.empty());
  ALWAYS(machine.Seed() == Machine::Read(root.path()).Seed());

  if (const auto version = InstalledCloudInit(root.path())) {
    ALWAYS(!version->empty() && version->size() <= 64 && IsPrintableUtf8(*version));
    ALWAYS(version->find_first_of("| \"'") == std::string::npos);
    ALWAYS(contents[3].find(*version) != std::string_view::npos);
    // However much newer it becomes, it can what it could.
    ALWAYS(!CloudInitReadsHardened(*version) || CloudInitReadsHardened("9" + *version));
  }

  const FakeClock clock;
  const auto counters = ReadTrafficCounters(clock, root.path());
  ALWAYS(counters.has_value() && counters->sent_bytes.size() <= 1);
  for (const auto& [mac, bytes] : counters->sent_bytes) {
    ALWAYS(!mac.empty() && LowerCase(mac) == mac && Trim(mac) == mac);
    ALWAYS(contents[5].find(std::to_string(bytes)) != std::string_view::npos);
    const auto traffic = TrafficBetween(*counters, *counters, {UpperCase(mac), "other"});
    ALWAYS(traffic.counted.size() == 1 && traffic.missing.size() == 1);
    ALWAYS(traffic.bytes_per_second == 0);
  }
}

}  // namespace aliyun_ecs::fuzz
