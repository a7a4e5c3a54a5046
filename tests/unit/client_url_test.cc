#include "client/url.h"

#include <gtest/gtest.h>

#include <utility>

namespace aliyun_ecs {
namespace {

TEST(UrlTest, TakesSchemeHostPortAndPath) {
  const struct {
    const char* text;
    Url url;
  } kTable[] = {
      {"http://100.100.100.200", {false, "100.100.100.200", ""}},
      {"http://100.100.100.200/", {false, "100.100.100.200", ""}},
      {"https://exporter.example:10200/a/b.c/", {true, "exporter.example:10200", "/a/b.c"}},
      {"https://h//", {true, "h", ""}},
      {"https://h/a//", {true, "h", "/a"}},
      {"http://[::1]", {false, "[::1]", ""}},
      {"https://[2001:db8::1]:443/x", {true, "[2001:db8::1]:443", "/x"}},
  };
  for (const auto& [text, expected] : kTable) {
    const auto url = ParseUrl(text);
    ASSERT_TRUE(url) << text;
    EXPECT_EQ(url->https, expected.https) << text;
    EXPECT_EQ(url->authority, expected.authority) << text;
    EXPECT_EQ(url->path, expected.path) << text;
    EXPECT_EQ(ParseUrl(url->ToString())->ToString(), url->ToString());
  }
}

TEST(UrlTest, RefusesEverythingElse) {
  for (const char* const text : {"",
                                 "http://",
                                 "http:///x",
                                 "ftp://host",
                                 "host:80",
                                 "//host",
                                 "http://-host",
                                 "http://h:",
                                 "http://h:0",
                                 "http://h:65536",
                                 "http://h:80x",
                                 "http://user@h",
                                 "http://u:p@h",
                                 "http://h?x",
                                 "http://h/x?y",
                                 "http://h/#a",
                                 "http://h/a b",
                                 "http://h/%2e",
                                 "http://[::1",
                                 "http://[nonsense]",
                                 "http://h\n",
                                 "HTTP://h",
                                 "http://h/\r\nX: y"}) {
    EXPECT_FALSE(ParseUrl(text)) << text;
  }
}

TEST(UrlTest, RefusesAZeroByteInAnAddress) {
  EXPECT_FALSE(ParseUrl(std::string_view("http://[::1\0x]", 14)));
  EXPECT_FALSE(ParseUrl(std::string_view("http://h\0x", 10)));
}

TEST(UrlTest, TellsThePortThatTheSchemeStandsFor) {
  for (const auto& [text, expected] : {std::pair("http://h/p", "h:80"),
                                       {"https://h", "h:443"},
                                       {"https://h:9093", "h:9093"},
                                       {"http://[::1]", "[::1]:80"},
                                       {"http://[::1]:9093/p", "[::1]:9093"}}) {
    EXPECT_EQ(ParseUrl(text)->HostAndPort(), expected);
  }
}

TEST(UrlTest, WhatIsShownHasNoSecrets) {
  for (const auto& [given, shown] : {std::pair("http://h:9093/p", "http://h:9093/p"),
                                     {"h:9093", "h:9093"},
                                     {"http://[::1]:x", "http://[::1]:..."},
                                     {"http://u:secret@h", "http://...@h"},
                                     {"u:secret@h", "...@h"},
                                     {"http://u:se@cret@h", "http://...@h"},
                                     {"http://h/p?token=secret", "http://h/p?..."},
                                     {"http://u:se?cret@h", "http://..."},
                                     {"http://u:123?secret@h", "http://..."},
                                     {"u:secret@h?next=http://x", "...@h?..."},
                                     {"http://h#token=secret", "http://h#..."},
                                     {"http://u:sec]ret", "http://u:..."},
                                     {"http://[u:secret", "http://[u:..."},
                                     {"http://h/a:b", "http://h/a:b"},
                                     {"http://h:", "http://h:"},
                                     {"http://u:secret", "http://u:..."},
                                     {"http://u:19700101/p", "http://u:..."},
                                     {"u:secret", "u:..."}}) {
    EXPECT_EQ(WithoutUrlSecrets(given, /*is_url=*/true), shown);
  }
  EXPECT_EQ(WithoutUrlSecrets("12:30?", /*is_url=*/false), "12:30?");
  EXPECT_EQ(WithoutUrlSecrets("--url=http://u:secret@h", /*is_url=*/false), "--url=http://...@h");
}

}  // namespace
}  // namespace aliyun_ecs
