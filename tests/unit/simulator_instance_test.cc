#include "simulator/instance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "support/fake_clock.h"

namespace aliyun_ecs::simulator {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr const char* kRoles = "meta-data/ram/security-credentials/";
constexpr const char* kDocument = "meta-data/ram/security-credentials/TestRole";
constexpr const char* kSpot = "meta-data/instance/spot/termination-time";

class SimulatorInstance : public ::testing::Test {
 protected:
  static InstanceStart Start() {
    InstanceStart start;
    EXPECT_TRUE(start.tree.Put("meta-data/instance-id", "i-1"));
    EXPECT_TRUE(start.tree.Put("meta-data/instance/instance-type", "ecs.g6e.large"));
    start.role = "TestRole";
    return start;
  }

  // The number of the credential offered now.
  std::string Number() {
    const auto document = instance_.Read(kDocument).value_or("");
    const auto at = document.find(kAccessKeySecretPrefix);
    return at == std::string::npos ? "none"
                                   : document.substr(at + kAccessKeySecretPrefix.size(), 4);
  }
  std::string Expiration() { return FormatUtc(instance_.CredentialValidity()->expiration); }

  FakeClock clock_;
  Instance instance_{Start(), clock_};
};

TEST_F(SimulatorInstance, PrintsTheCredentialDocumentAsTheServiceDoes) {
  EXPECT_EQ(instance_.Read(kDocument), R"({
  "AccessKeyId" : "STS.SimulatedAccessKeyId0001",
  "AccessKeySecret" : "SimulatedAccessKeySecret0001",
  "Expiration" : "2026-01-01T06:00:00Z",
  "SecurityToken" : "SimulatedSecurityToken0001",
  "LastUpdated" : "2026-01-01T00:00:00Z",
  "Code" : "Success"
})");
}

TEST_F(SimulatorInstance, ListsTheBareRoleNameAndAnswersForNoOther) {
  EXPECT_EQ(instance_.Read(kRoles), "TestRole");
  EXPECT_EQ(instance_.Read(std::string(kRoles) + "OtherRole"), std::nullopt);
}

TEST_F(SimulatorInstance, OffersTheNextCredentialHalfAnHourBeforeTheEnd) {
  clock_.Advance(hours(5) + minutes(30) - seconds(1));
  EXPECT_EQ(Number(), "0001");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Number(), "0002");
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("LastUpdated" : "2026-01-01T05:30:00Z")"));
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Expiration" : "2026-01-01T11:30:00Z")"));
}

TEST_F(SimulatorInstance, OffersOnTimeThoughNobodyAskedForDays) {
  clock_.Advance(hours(24 * 10));  // 43 whole periods of five and a half hours, and a rest
  EXPECT_EQ(Expiration(), "2026-01-11T02:30:00Z");
  EXPECT_LT(clock_.System(), instance_.CredentialValidity()->expiration - minutes(30));
  EXPECT_EQ(Number(), "0002");
}

TEST_F(SimulatorInstance, LivesAsLongAsItIsTold) {
  auto start = Start();
  start.credential_life = minutes(10);
  start.offered_before_end = minutes(2);
  Instance instance(std::move(start), clock_);
  clock_.Advance(minutes(8));
  EXPECT_EQ(FormatUtc(instance.CredentialValidity()->expiration), "2026-01-01T00:18:00Z");
}

TEST_F(SimulatorInstance, RotatesAtOnce) {
  clock_.Advance(minutes(1));
  EXPECT_TRUE(instance_.Rotate());
  EXPECT_EQ(Number(), "0002");
  EXPECT_EQ(Expiration(), "2026-01-01T06:01:00Z");
  clock_.Advance(hours(5) + minutes(29));
  EXPECT_EQ(Number(), "0002");
}

TEST_F(SimulatorInstance, KeepsItsCredentialWhenTheWallClockIsSetBack) {
  clock_.SetSystem(clock_.System() - hours(10));
  EXPECT_EQ(Number(), "0001");
}

TEST_F(SimulatorInstance, EveryRotationHasSecretsOfItsOwn) {
  std::set<std::string> numbers;
  for (int i = 0; i < 20; ++i) {
    numbers.insert(Number());
    ASSERT_TRUE(instance_.Rotate());
  }
  EXPECT_EQ(numbers.size(), 20U);
}

TEST_F(SimulatorInstance, AttachesOneRoleInPlaceOfAnother) {
  instance_.AttachRole("Other");
  EXPECT_EQ(instance_.Read(kRoles), "Other");
  EXPECT_EQ(instance_.Read(kDocument), std::nullopt);
  EXPECT_EQ(*instance_.role_name(), "Other");
}

TEST_F(SimulatorInstance, DetachingRemovesTheWholeDirectory) {
  EXPECT_TRUE(instance_.DetachRole());
  EXPECT_EQ(instance_.Read(kRoles), std::nullopt);
  EXPECT_EQ(instance_.Read("meta-data/ram"), std::nullopt);
  EXPECT_EQ(instance_.CredentialValidity(), std::nullopt);
  EXPECT_FALSE(instance_.Rotate());
  EXPECT_FALSE(instance_.DetachRole());
  clock_.Advance(hours(24));
  EXPECT_EQ(instance_.Read(kRoles), std::nullopt);
}

TEST_F(SimulatorInstance, ACredentialWithAGivenEndIsFollowedAtTheUsualTime) {
  instance_.AttachRole("TestRole", minutes(35));
  EXPECT_EQ(Number(), "0002");
  EXPECT_EQ(Expiration(), "2026-01-01T00:35:00Z");
  EXPECT_EQ(FormatUtc(instance_.CredentialValidity()->last_updated), "2025-12-31T18:35:00Z");
  clock_.Advance(minutes(5) - seconds(1));
  EXPECT_EQ(Number(), "0002");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Number(), "0003");
}

TEST_F(SimulatorInstance, ACredentialWithANearEndLastsUntilThen) {
  instance_.AttachRole("TestRole", minutes(10));
  clock_.Advance(minutes(10) - seconds(1));
  EXPECT_EQ(Expiration(), "2026-01-01T00:10:00Z");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Expiration(), "2026-01-01T06:10:00Z");
}

TEST_F(SimulatorInstance, ANoticeAppearsMovesAndIsWithdrawn) {
  EXPECT_EQ(instance_.Read(kSpot), std::nullopt);
  EXPECT_FALSE(instance_.ClearTermination());
  instance_.SetTermination(clock_.System() + minutes(5));
  EXPECT_EQ(instance_.Read(kSpot), "2026-01-01T00:05:00Z");
  EXPECT_THAT(*instance_.Read("meta-data/instance"), HasSubstr("spot/"));
  instance_.SetTermination(clock_.System() + minutes(7));
  EXPECT_EQ(instance_.Read(kSpot), "2026-01-01T00:07:00Z");
  EXPECT_TRUE(instance_.ClearTermination());
  EXPECT_EQ(instance_.Read("meta-data/instance/spot"), std::nullopt);
  EXPECT_EQ(instance_.Read("meta-data/instance/instance-type"), "ecs.g6e.large");
}

TEST_F(SimulatorInstance, ItemsComeChangeAndGo) {
  EXPECT_TRUE(instance_.Put("meta-data/disks/bp2/id", "d-bp2"));
  EXPECT_TRUE(instance_.Put("meta-data/disks/bp2/name", ""));
  EXPECT_EQ(instance_.Read("meta-data/disks/"), "bp2/");
  EXPECT_TRUE(instance_.Put("meta-data/disks/bp2/name", "data"));
  EXPECT_EQ(instance_.Read("meta-data/disks/bp2/name"), "data");
  EXPECT_FALSE(instance_.Put("meta-data/disks", "x"));
  EXPECT_TRUE(instance_.Erase("meta-data/disks/bp2"));
  EXPECT_EQ(instance_.Read("meta-data/disks/"), std::nullopt);
}

TEST_F(SimulatorInstance, WhatIsPutForTheCredentialStaysUntilTheNextRotation) {
  clock_.Advance(hours(5) + minutes(45));  // a rotation is overdue, but must not undo the Put
  ASSERT_TRUE(instance_.Put(kDocument, "garbage"));
  EXPECT_EQ(instance_.Read(kDocument), "garbage");
  EXPECT_TRUE(instance_.Rotate());
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr("Success"));
}

TEST_F(SimulatorInstance, ResetReturnsToTheStart) {
  instance_.set_access({.http_tokens = HttpTokens::kRequired});
  instance_.SetTermination(clock_.System());
  instance_.AttachRole("Other");
  ASSERT_TRUE(instance_.Put("meta-data/new", "x"));
  ASSERT_TRUE(instance_.Erase("meta-data/instance-id"));
  clock_.Advance(hours(1));
  instance_.Reset();
  EXPECT_EQ(instance_.access(), AccessOptions());
  EXPECT_EQ(instance_.Read(kSpot), std::nullopt);
  EXPECT_EQ(instance_.Read("meta-data"), "instance-id\ninstance/\nram/");
  EXPECT_EQ(instance_.Read(kRoles), "TestRole");
  EXPECT_EQ(Expiration(), "2026-01-01T07:00:00Z");
  EXPECT_EQ(Number(), "0003");
}

TEST_F(SimulatorInstance, MayBeginWithANotice) {
  auto start = Start();
  start.termination_in = minutes(5);
  Instance instance(std::move(start), clock_);
  EXPECT_EQ(instance.Read(kSpot), "2026-01-01T00:05:00Z");
}

TEST_F(SimulatorInstance, ADocumentThatCameWithTheTreeIsServedAsItIs) {
  InstanceStart start;
  ASSERT_TRUE(start.tree.Put(kDocument, "captured"));
  Instance instance(std::move(start), clock_);
  clock_.Advance(hours(24));
  EXPECT_EQ(instance.Read(kDocument), "captured");
  instance.AttachRole("Other");
  EXPECT_EQ(instance.Read(kRoles), "Other");
}

TEST_F(SimulatorInstance, RotationMayBeLate) {
  instance_.set_rotation({.how = Rotation::How::kLate, .late = minutes(45)});
  clock_.Advance(hours(6) + minutes(15) - seconds(1));
  EXPECT_EQ(Number(), "0001");  // though its time was over a quarter of an hour ago
  clock_.Advance(seconds(1));
  EXPECT_EQ(Number(), "0002");
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("LastUpdated" : "2026-01-01T06:15:00Z")"));
  // And late again each time, also when nobody asks for long.
  clock_.Advance(2 * (hours(6) + minutes(15)) + seconds(5));
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("LastUpdated" : "2026-01-01T18:45:00Z")"));
}

TEST_F(SimulatorInstance, RotationMayFailAndRecover) {
  instance_.set_rotation({.how = Rotation::How::kFailing, .code = "Failed"});
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Code" : "Success")"));
  clock_.Advance(hours(5) + minutes(30));
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Code" : "Failed")"));
  EXPECT_EQ(Number(), "0001");
  clock_.Advance(hours(24));
  EXPECT_EQ(Expiration(), "2026-01-01T06:00:00Z");
  instance_.set_rotation({});
  EXPECT_EQ(Number(), "0002");
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Code" : "Success")"));
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("LastUpdated" : "2026-01-02T05:30:00Z")"));
}

TEST_F(SimulatorInstance, ALateRotationAfterAFailureOrNoneIsLateFromThenOn) {
  for (const auto how : {Rotation::How::kFailing, Rotation::How::kNever}) {
    instance_.Reset();
    instance_.set_rotation({.how = how});
    clock_.Advance(hours(24));
    const auto document = *instance_.Read(kDocument);
    const auto begin = clock_.System();
    instance_.set_rotation({.how = Rotation::How::kLate, .late = minutes(5)});
    clock_.Advance(minutes(5) - seconds(1));
    EXPECT_EQ(instance_.Read(kDocument), document);
    clock_.Advance(seconds(1));
    EXPECT_EQ(instance_.CredentialValidity()->last_updated, begin + minutes(5));
  }
}

TEST_F(SimulatorInstance, ALateRotationThatIsShortenedDoesNotLieAboutItsTime) {
  instance_.set_rotation({.how = Rotation::How::kLate, .late = hours(3)});
  clock_.Advance(hours(5) + minutes(30) + hours(2));
  instance_.set_rotation({.how = Rotation::How::kLate, .late = minutes(5)});
  clock_.Advance(minutes(5));
  EXPECT_EQ(instance_.CredentialValidity()->last_updated, clock_.System());
}

TEST_F(SimulatorInstance, AFailureMayChangeItsCodeWhileItLasts) {
  instance_.set_rotation({.how = Rotation::How::kFailing, .code = "Failed"});
  instance_.set_rotation({.how = Rotation::How::kFailing, .code = "Early"});
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Code" : "Success")"));
  clock_.Advance(hours(6));
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Code" : "Early")"));
  instance_.set_rotation({.how = Rotation::How::kFailing, .code = "Later"});
  EXPECT_THAT(*instance_.Read(kDocument), HasSubstr(R"("Code" : "Later")"));
  EXPECT_EQ(Number(), "0001");
}

TEST_F(SimulatorInstance, RotationMayNeverCome) {
  instance_.set_rotation({.how = Rotation::How::kNever});
  clock_.Advance(hours(24));
  EXPECT_EQ(Number(), "0001");
  EXPECT_TRUE(instance_.Rotate());
  EXPECT_EQ(Number(), "0002");
}

TEST_F(SimulatorInstance, APlannedNoticeAppearsInTimeMovesAndIsWithdrawn) {
  const auto end = clock_.System() + minutes(15);
  instance_.PlanTermination({.at = end, .notice_from = end - minutes(5), .then = Silence::kHang});
  EXPECT_FALSE(instance_.HasNotice());
  clock_.Advance(minutes(10));
  EXPECT_EQ(instance_.Read(kSpot), "2026-01-01T00:15:00Z");
  instance_.SetTermination(end + minutes(1));
  EXPECT_EQ(instance_.Read(kSpot), "2026-01-01T00:16:00Z");
  EXPECT_TRUE(instance_.ClearTermination());
  EXPECT_FALSE(instance_.HasNotice());
  clock_.Advance(hours(1));
  EXPECT_EQ(instance_.Darkness(), std::nullopt);
}

TEST_F(SimulatorInstance, APlanCanBeDroppedBeforeItsNotice) {
  const auto end = clock_.System() + minutes(15);
  instance_.PlanTermination({.at = end, .notice_from = end - minutes(5)});
  EXPECT_TRUE(instance_.ClearTermination());
  clock_.Advance(hours(1));
  EXPECT_EQ(instance_.Read(kSpot), std::nullopt);
}

TEST_F(SimulatorInstance, GoesDarkAtTheEndWhenToldSo) {
  const auto end = clock_.System() + minutes(5);
  instance_.PlanTermination({.at = end, .notice_from = clock_.System(), .then = Silence::kClose});
  clock_.Advance(minutes(5) - seconds(1));
  EXPECT_EQ(instance_.Darkness(), std::nullopt);
  clock_.Advance(seconds(1));
  EXPECT_EQ(instance_.Darkness(), Silence::kClose);
  instance_.Reset();
  EXPECT_EQ(instance_.Darkness(), std::nullopt);
}

class SimulatorDocuments : public ::testing::Test {
 protected:
  static InstanceStart Start() {
    InstanceStart start;
    start.tree = Tree::FromCatalog({});
    start.role = "TestRole";
    start.serves_all = true;
    start.serves_identity_document = true;
    return start;
  }
  FakeClock clock_;
  Instance instance_{Start(), clock_};
};

TEST_F(SimulatorDocuments, TheIdentityDocumentFollowsTheTree) {
  constexpr const char* kDynamic = "dynamic/instance-identity/document";
  EXPECT_EQ(instance_.Read(kDynamic),
            R"({"zone-id":"cn-hangzhou-i","serial-number":"00000000-0000-4000-8000-000000000001",)"
            R"("instance-id":"i-bp1simulated00000001","region-id":"cn-hangzhou",)"
            R"("private-ipv4":"192.168.10.11","owner-account-id":"1609000000000001",)"
            R"("mac":"00:16:3e:00:00:01","image-id":"aliyun_3_x64_20G_alibase_20210425.vhd",)"
            R"("instance-type":"ecs.g6e.large"})");
  EXPECT_EQ(instance_.Read(""), "dynamic/\nmeta-data/");
  EXPECT_EQ(instance_.Read("dynamic"), "instance-identity/");
  ASSERT_TRUE(instance_.Put("meta-data/instance/instance-type", "ecs.g6e.xlarge"));
  EXPECT_THAT(*instance_.Read(kDynamic), HasSubstr(R"("instance-type":"ecs.g6e.xlarge")"));
  ASSERT_TRUE(instance_.Put(kDynamic, "{}"));
  EXPECT_EQ(instance_.Read(kDynamic), "{}");
  EXPECT_TRUE(instance_.Erase("dynamic"));
  EXPECT_EQ(instance_.Read(kDynamic), std::nullopt);
  instance_.Reset();
  EXPECT_TRUE(instance_.Erase("dynamic"));
  EXPECT_EQ(instance_.Read(""), "meta-data/");
}

TEST_F(SimulatorDocuments, TheIdentityDocumentDoesNotMindItsNeighbours) {
  constexpr const char* kDynamic = "dynamic/instance-identity/document";
  ASSERT_TRUE(instance_.Put("dynamic/instance-identity/pkcs7", "signature"));
  EXPECT_TRUE(instance_.Read(kDynamic));
  ASSERT_TRUE(instance_.Put("dynamic/instance-identity/documents", "x"));
  ASSERT_TRUE(instance_.Put("dynamics", "x"));
  ASSERT_TRUE(instance_.Put("meta-data/instance/instance-type", "ecs.g6e.xlarge"));
  EXPECT_THAT(*instance_.Read(kDynamic), HasSubstr(R"("instance-type":"ecs.g6e.xlarge")"));
  for (const char* neighbour : {"dynamic/instance-identity/pkcs7/", "dynamics"}) {
    EXPECT_TRUE(instance_.Erase(neighbour)) << neighbour;
  }
  ASSERT_TRUE(instance_.Put("meta-data/instance/instance-type", "ecs.g6e.2xlarge"));
  EXPECT_THAT(*instance_.Read(kDynamic), HasSubstr(R"("instance-type":"ecs.g6e.2xlarge")"));
  EXPECT_EQ(instance_.Read("dynamic/instance-identity"), "document\ndocuments");
}

TEST_F(SimulatorDocuments, WhatIsAtTheIdentityDocumentMayBeChangedBeforeItWasRead) {
  for (const char* path :
       {"dynamic", "dynamic/instance-identity", "dynamic/instance-identity/document/x"}) {
    EXPECT_FALSE(instance_.Put(path, "x")) << path;
  }
  EXPECT_TRUE(instance_.Read("dynamic/instance-identity/document"));
  EXPECT_FALSE(instance_.Erase("dynamic//"));
  EXPECT_TRUE(instance_.Erase("dynamic/instance-identity/"));
  EXPECT_EQ(instance_.Read("dynamic"), std::nullopt);
  ASSERT_TRUE(instance_.Put("dynamic", "x"));
  EXPECT_EQ(instance_.Read("dynamic"), "x");
  instance_.Reset();
  ASSERT_TRUE(instance_.Put("dynamic/instance-identity/document", "{}"));
  EXPECT_EQ(instance_.Read("dynamic/instance-identity/document"), "{}");
}

TEST_F(SimulatorDocuments, AllIsTheTreeAsOneObjectOfTexts) {
  const auto all = nlohmann::json::parse(*instance_.Read("meta-data/all"));
  EXPECT_EQ(all.at("instance").at("instance-type"), "ecs.g6e.large");
  EXPECT_EQ(all.at("dns-conf").at("nameservers"), "100.100.2.136\r\n100.100.2.138");
  EXPECT_EQ(all.at("disks").at("bp1simulated00000001").at("name"), "simulated-disk-1");
  EXPECT_FALSE(all.contains("ram"));
  EXPECT_THAT(*instance_.Read("meta-data"), ::testing::Not(HasSubstr("all\n")));
  ASSERT_TRUE(instance_.Put("meta-data/odd", "\xff"));
  EXPECT_TRUE(nlohmann::json::accept(*instance_.Read("meta-data/all")));
}

TEST(SimulatorTagKey, IsWhatCanBeAskedFor) {
  for (const char* key : {"env", "a@b:c_d-e.f=g,h", "..."}) EXPECT_TRUE(IsTagKey(key)) << key;
  for (const char* key : {"", ".", "..", "a/b", "a b", "a%b", "\xc3\xa9"}) {
    EXPECT_FALSE(IsTagKey(key)) << key;
  }
}

TEST(SimulatorRoleName, IsWhatRamAllows) {
  for (const char* name : {"A", "SimulatedEcsRole", "a.b-c_9", "..."}) {
    EXPECT_TRUE(IsRoleName(name)) << name;
  }
  EXPECT_TRUE(IsRoleName(std::string(64, 'a')));
  for (const char* name : {"", ".", "..", "a/b", "a b", "a\n", "\xc3\xa9"}) {
    EXPECT_FALSE(IsRoleName(name)) << name;
  }
  EXPECT_FALSE(IsRoleName(std::string(65, 'a')));
}

}  // namespace
}  // namespace aliyun_ecs::simulator
