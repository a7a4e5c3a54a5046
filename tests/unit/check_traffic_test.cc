#include "check/traffic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/fake_clock.h"
#include "unit/temporary_folder.h"

namespace aliyun_ecs {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class TrafficTest : public testing::Test {
 protected:
  void PutDevice(const std::string& name, const std::string& mac, const std::string& sent,
                 const std::string& lower = "") {
    const std::string device = root_ / ("sys/class/net/" + name);
    std::filesystem::create_directories(device + "/statistics");
    if (!lower.empty()) std::filesystem::create_directories(device + "/lower_" + lower);
    PutFile(device + "/ifindex", "2\n");
    PutFile(device + "/iflink", "2\n");
    PutFile(device + "/address", mac + "\n");
    PutFile(device + "/statistics/tx_bytes", sent + "\n");
  }
  void PutHardware(const std::string& name, const std::string& mac, const std::string& sent) {
    PutDevice(name, mac, sent);
    std::filesystem::create_directories(root_ / ("sys/class/net/" + name + "/device"));
  }
  TrafficCounters Read() {
    const auto counters = ReadTrafficCounters(clock_, root_ / "");
    EXPECT_TRUE(counters) << counters.error().message;
    return counters.value_or(TrafficCounters());
  }

  TemporaryFolder root_;
  FakeClock clock_;
};

TEST_F(TrafficTest, CountsEachInterfaceOnceAndNotWhatLiesOnIt) {
  PutDevice("lo", "00:00:00:00:00:00", "5");
  PutDevice("eth0", "00:16:3E:00:00:01", "18446744073709551615");
  PutDevice("eth0.7", "00:16:3e:00:00:01", "70", "eth0");
  PutDevice("eth1", "00:16:3e:00:00:02", "20");
  EXPECT_THAT(Read().sent_bytes,
              UnorderedElementsAre(Pair("00:00:00:00:00:00", 5),
                                   Pair("00:16:3e:00:00:01", 18446744073709551615u),
                                   Pair("00:16:3e:00:00:02", 20)));
}

// A bond and its ports show one MAC address; the service knows each by its own.
TEST_F(TrafficTest, TellsThePortsOfABondApart) {
  PutHardware("eth0", "00:16:3e:00:00:01", "10");
  PutHardware("eth1", "00:16:3e:00:00:01", "5");
  for (const auto& [port, mac] :
       {std::pair("eth0", "00:16:3e:00:00:01\n"), std::pair("eth1", "00:16:3e:00:00:02\n")}) {
    const std::string folder = root_ / ("sys/class/net/" + std::string(port) + "/bonding_slave");
    std::filesystem::create_directories(folder);
    PutFile(folder + "/perm_hwaddr", mac);
  }
  PutDevice("bond0", "00:16:3e:00:00:01", "15", "eth0");
  EXPECT_THAT(Read().sent_bytes,
              UnorderedElementsAre(Pair("00:16:3e:00:00:01", 10), Pair("00:16:3e:00:00:02", 5)));
}

// A virtual switch's own port takes over the MAC address of the hardware, and no link tells.
TEST_F(TrafficTest, HardwareIsCountedAndNotWhatSharesItsAddress) {
  PutDevice("br-ex", "00:16:3e:00:00:01", "1000");
  PutHardware("eth0", "00:16:3e:00:00:01", "1010");
  EXPECT_THAT(Read().sent_bytes, ElementsAre(Pair("00:16:3e:00:00:01", 1010)));
}

// An ipvlan has the MAC address of a parent that its namespace does not see.
TEST_F(TrafficTest, WhatLiesOnAnotherNamespacesDeviceIsNotThatDevice) {
  PutDevice("eth0", "00:16:3e:00:00:01", "1000");
  PutFile(root_ / "sys/class/net/eth0/iflink", "7\n");
  EXPECT_THAT(Read().sent_bytes, ElementsAre(Pair("00:16:3e:00:00:01", 1000))) << "a virtual cable";
  PutFile(root_ / "sys/class/net/eth0/uevent", "DEVTYPE=ipvlan\nINTERFACE=eth0\nIFINDEX=2\n");
  EXPECT_THAT(Read().sent_bytes, IsEmpty());
}

TEST_F(TrafficTest, PassesOverWhatIsNoCounterAndSaysWhereThereAreNone) {
  EXPECT_FALSE(ReadTrafficCounters(clock_, root_ / "").has_value());
  PutDevice("eth0", "00:16:3e:00:00:01", "-1");
  PutDevice("eth1", "00:16:3e:00:00:02", "12 apples");
  std::filesystem::create_directories(root_ / "sys/class/net/bonding_masters");
  EXPECT_THAT(Read().sent_bytes, IsEmpty());
}

TEST_F(TrafficTest, IsWhatAllInterfacesOfTheInstanceSentInThatTime) {
  PutDevice("eth0", "00:16:3e:00:00:01", "1000");
  PutDevice("eth1", "00:16:3e:00:00:02", "1000");
  PutDevice("other", "02:00:00:00:00:01", "1000");
  const auto before = Read();
  clock_.Advance(seconds(2));
  PutDevice("eth0", "00:16:3e:00:00:01", "5000");
  PutDevice("eth1", "00:16:3e:00:00:02", "1500");
  PutDevice("other", "02:00:00:00:00:01", "99999");
  const Traffic traffic =
      TrafficBetween(before, Read(), {"00:16:3e:00:00:01", "00:16:3E:00:00:02"});
  EXPECT_EQ(traffic.bytes_per_second, 2250);
  EXPECT_EQ(traffic.over, seconds(2));
  EXPECT_THAT(traffic.counted, ElementsAre("00:16:3e:00:00:01", "00:16:3E:00:00:02"));
  EXPECT_THAT(traffic.missing, IsEmpty());
}

TEST_F(TrafficTest, WhatWasNotThereBothTimesOrRanBackwardsIsMissing) {
  PutDevice("eth0", "00:16:3e:00:00:01", "1000");
  const auto before = Read();
  clock_.Advance(seconds(1));
  PutDevice("eth0", "00:16:3e:00:00:01", "999");
  PutDevice("eth1", "00:16:3e:00:00:02", "1");
  const Traffic traffic = TrafficBetween(
      before, Read(), {"00:16:3e:00:00:01", "00:16:3e:00:00:02", "00:16:3e:00:00:03"});
  EXPECT_EQ(traffic.bytes_per_second, 0);
  EXPECT_THAT(traffic.counted, IsEmpty());
  EXPECT_EQ(traffic.missing.size(), 3u);
}

}  // namespace
}  // namespace aliyun_ecs
