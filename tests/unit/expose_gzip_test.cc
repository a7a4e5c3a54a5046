#include "expose/gzip.h"

#include <gtest/gtest.h>

#include "support/gunzip.h"

namespace aliyun_ecs {
namespace {

std::string Repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(GzipMemberTest, AnEmptyOneIsAnEmptyText) { EXPECT_EQ(Gunzip(GzipMember().Finish()), ""); }

TEST(GzipMemberTest, PiecesOfBothKindsMakeOneText) {
  const std::string page = Repeated("a_metric{label=\"value\"} 1\n", 500);
  const DeflatedText kept(page), heading("# TYPE x gauge\n"), nothing("");
  // The same pieces serve many members.
  for (const std::string_view value : {"1\n", "2.5\n", ""}) {
    GzipMember member;
    member.Add(kept);
    member.AddStored("x ");
    member.Add(nothing);
    member.Add(heading);
    member.AddStored(value);
    member.Add(heading);
    EXPECT_EQ(Gunzip(member.Finish()),
              page + "x # TYPE x gauge\n" + std::string(value) + "# TYPE x gauge\n");
  }
}

TEST(GzipMemberTest, CompressesWhatIsKept) {
  const std::string page = Repeated("a_metric{label=\"value\"} 1\n", 500);
  GzipMember member;
  member.Add(DeflatedText(page));
  EXPECT_LT(member.Finish().size(), page.size() / 10);
}

TEST(GzipMemberTest, StoresTextsThatTakeSeveralBlocks) {
  for (const int size : {1, 65534, 65535, 65536, 200000}) {
    const std::string text = Repeated("x", size);
    GzipMember member;
    member.AddStored(text);
    member.Add(DeflatedText("end"));
    EXPECT_EQ(Gunzip(member.Finish()), text + "end") << size;
  }
}

TEST(GzipMemberTest, BytesThatDoNotCompressFit) {
  std::string noise;
  std::uint32_t state = 1;
  for (int i = 0; i < 100000; ++i) {
    state = state * 1664525 + 1013904223;
    noise += static_cast<char>(state >> 24);
  }
  GzipMember member;
  member.Add(DeflatedText(noise));
  EXPECT_EQ(Gunzip(member.Finish()), noise);
}

}  // namespace
}  // namespace aliyun_ecs
