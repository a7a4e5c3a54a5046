#include "expose/basic_auth.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "expose/web_config.h"

namespace aliyun_ecs {
namespace {

using Verdict = BasicAuth::Verdict;

std::string Base64(const std::string& bytes) {
  std::string text(bytes.size() * 2 + 8, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string Basic(const std::string& user, const std::string& password) {
  return "Basic " + Base64(user + ":" + password);
}

std::string HashOf(const std::string& password, const std::string& cost = "04") {
  const auto hash = BasicAuth::Bcrypt(password, "$2b$" + cost + "$abcdefghijklmnopqrstuu");
  EXPECT_TRUE(IsBcryptHash(hash)) << hash;
  return hash;
}

TEST(BasicAuthTest, LetsInWhoHasThePasswordOnly) {
  const BasicAuth auth({{"prometheus", HashOf("right")}, {"other", HashOf("their own")}});
  EXPECT_EQ(auth.Check(Basic("prometheus", "right")), Verdict::kWelcome);
  EXPECT_EQ(auth.Check(Basic("prometheus", "right")), Verdict::kWelcome) << "once more";
  EXPECT_EQ(auth.Check(Basic("other", "their own")), Verdict::kWelcome);
  for (const auto& [user, password] : std::vector<std::pair<std::string, std::string>>{
           {"prometheus", "wrong"},
           {"prometheus", ""},
           {"prometheus", "their own"},
           {"prometheus", std::string("right\0x", 7)},
           {"Prometheus", "right"},
           {"nobody", "right"},
           {"", ""},
           {"prometheus:right", ""},
       }) {
    EXPECT_EQ(auth.Check(Basic(user, password)), Verdict::kRefused) << user << ":" << password;
  }
}

TEST(BasicAuthTest, APasswordMayHaveColonsAndAnyBytes) {
  for (const std::string password : {"a:b:c", "", " ", "pässwörd", "\x01\xff"}) {
    const BasicAuth auth({{"u", HashOf(password)}});
    EXPECT_EQ(auth.Check(Basic("u", password)), Verdict::kWelcome) << password;
  }
}

TEST(BasicAuthTest, UnderstandsTheHeaderAndNothingElse) {
  int hashes = 0;
  const BasicAuth auth({{"u", HashOf("p")}}, [&](const std::string&, const std::string& setting) {
    ++hashes;
    return setting;  // any password is right
  });
  const std::string good = Base64("u:p");
  EXPECT_EQ(auth.Check("basic " + good), Verdict::kWelcome);
  EXPECT_EQ(auth.Check("BASIC   " + good), Verdict::kWelcome);
  EXPECT_EQ(hashes, 1) << "the same name and password";
  for (const std::string& bad :
       {std::string(), std::string("Basic"), std::string("Basic "), good, "Bearer " + good,
        "Basic" + good, "Basic " + good + "=", "Basic " + good + " ", "Basic =" + good,
        "Basic " + good.substr(1), std::string("Basic ===="), std::string("Basic !!!!"),
        "Basic " + Base64("no colon"), "Basic " + Base64("u:" + std::string(4096, 'p')),
        std::string("Basic \xff\xff\xff\xff")}) {
    EXPECT_EQ(auth.Check(bad), Verdict::kRefused) << bad;
  }
  EXPECT_EQ(hashes, 1) << "what cannot be right costs nothing";
}

// The rounds that a failed attempt takes, where a cost of c is 2^c rounds.
double RoundsOf(const std::string& user, const std::string& password) {
  double rounds = 0;
  const BasicAuth auth(
      {{"cheap", HashOf("p", "04")}, {"dear", HashOf("p", "08")}, {"middle", HashOf("p", "06")}},
      [&](const std::string& word, const std::string& setting) {
        EXPECT_EQ(word, password);
        rounds += std::exp2(std::stoi(setting.substr(4, 2)));
        return std::string();
      });
  EXPECT_EQ(auth.Check(Basic(user, password)), Verdict::kRefused);
  return rounds;
}

TEST(BasicAuthTest, AWrongPasswordCostsAsMuchAsAWrongUserWhoeverItIs) {
  for (const auto* const user : {"nobody", "", "cheap", "middle", "dear"}) {
    EXPECT_EQ(RoundsOf(user, "wrong"), 256) << user;
    EXPECT_EQ(RoundsOf(user, ""), 256) << user;
  }
  EXPECT_EQ(RoundsOf("cheap", std::string("a\0b", 3)), 256);
}

TEST(BasicAuthTest, OnlyWhatWasRightIsRemembered) {
  int hashes = 0;
  const BasicAuth auth({{"u", HashOf("p")}},
                       [&](const std::string& password, const std::string& setting) {
                         ++hashes;
                         return BasicAuth::Bcrypt(password, setting);
                       });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(auth.Check(Basic("u", "wrong")), Verdict::kRefused);
    EXPECT_EQ(auth.Check(Basic("u", "p")), Verdict::kWelcome);
  }
  EXPECT_EQ(hashes, 4);
}

TEST(BasicAuthTest, WhoIsKnownDoesNotWaitForThoseWhoGuess) {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true;
  int inside = 0, most = 0;
  const BasicAuth auth({{"u", HashOf("p")}},
                       [&](const std::string& password, const std::string& setting) {
                         std::unique_lock lock(mutex);
                         most = std::max(most, ++inside);
                         changed.notify_all();
                         changed.wait(lock, [&] { return open; });
                         --inside;
                         return BasicAuth::Bcrypt(password, setting);
                       });
  ASSERT_EQ(auth.Check(Basic("u", "p")), Verdict::kWelcome);
  open = false;
  std::atomic<int> busy{0}, refused{0};
  std::vector<std::jthread> guessers;
  for (int i = 0; i < 12; ++i) {
    guessers.emplace_back([&, i] {
      ++(auth.Check(Basic("u", std::to_string(i))) == Verdict::kBusy ? busy : refused);
    });
  }
  while (busy < 4) std::this_thread::yield();  // eight wait, more are turned away
  EXPECT_EQ(auth.Check(Basic("u", "p")), Verdict::kWelcome);
  {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  guessers.clear();
  EXPECT_EQ(busy, 4);
  EXPECT_EQ(refused, 8);
  EXPECT_EQ(most, 1) << "one hash at a time";
}

}  // namespace
}  // namespace aliyun_ecs
