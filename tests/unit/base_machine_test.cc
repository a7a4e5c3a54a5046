#include "base/machine.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <set>
#include <string>

#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

namespace fs = std::filesystem;

class MachineTest : public testing::Test {
 protected:
  void Put(const std::string& name, std::string_view content) {
    const std::string path = folder_ / name;
    fs::create_directories(fs::path(path).parent_path());
    PutFile(path, content);
  }
  [[nodiscard]] Machine Read() const { return Machine::Read(folder_.path() + "/"); }

  TemporaryFolder folder_;
};

TEST_F(MachineTest, IsTheFirstLineOfEachFile) {
  Put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  Put("proc/sys/kernel/random/boot_id", "8a6d2c5e-0000-4000-8000-000000000001\n");
  Put("sys/class/dmi/id/product_name", "Alibaba Cloud ECS \r\nsecond line\n");
  const Machine machine = Read();
  EXPECT_EQ(machine.machine_id, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(machine.boot_id, "8a6d2c5e-0000-4000-8000-000000000001");
  EXPECT_EQ(machine.product_name, kEcsProductName);
}

TEST_F(MachineTest, APartThatCannotBeReadIsEmpty) {
  fs::create_directories(folder_ / "etc/machine-id");  // a folder in its place
  Put("proc/sys/kernel/random/boot_id", "");
  const Machine machine = Read();
  EXPECT_EQ(machine.machine_id, "");
  EXPECT_EQ(machine.boot_id, "");
  EXPECT_EQ(machine.product_name, "");
  EXPECT_EQ(machine.Seed(), Machine{}.Seed());
}

TEST_F(MachineTest, WhatCannotBePrintedIsAsIfItWereNotThere) {
  for (const std::string_view line : {"\x1B[2J\n", "\xFF\xFE\n", "a\tb\n", "\xC2\x85x\n"}) {
    Put("sys/class/dmi/id/product_name", line);
    EXPECT_EQ(Read().product_name, "") << testing::PrintToString(line);
  }
}

TEST_F(MachineTest, AnEndlessLineIsCut) {
  Put("etc/machine-id", std::string(1'000'000, 'x'));
  EXPECT_LT(Read().machine_id.size(), 1000U);
}

TEST_F(MachineTest, HasASeedOfItsOwnForEachMachineAndEachBoot) {
  std::set<std::uint64_t> seeds;
  for (int machine = 0; machine < 100; ++machine) {
    for (int boot = 0; boot < 10; ++boot) {
      const Machine one{std::to_string(machine), std::to_string(boot), "any"};
      seeds.insert(one.Seed());
      EXPECT_EQ(one.Seed(), (Machine{one.machine_id, one.boot_id, "another"}.Seed()));
    }
  }
  EXPECT_EQ(seeds.size(), 1000U);
  EXPECT_NE((Machine{"12", "3", ""}.Seed()), (Machine{"1", "23", ""}.Seed()));
}

TEST_F(MachineTest, TheSeedsOfAFleetAreSpreadOverAllNumbers) {
  // Machine IDs that differ in one letter; the quarters of all numbers get about as many each.
  std::array<int, 4> quarters{};
  for (int i = 0; i < 4000; ++i) {
    const Machine one{"0123456789abcdef0123456789ab" + std::to_string(10'000 + i), "", ""};
    ++quarters[one.Seed() >> 62U];
  }
  for (const int count : quarters) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace aliyun_ecs
