#include "base/machine.h"

#include <array>
#include <fstream>
#include <random>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

std::string FirstLineOf(const std::string& path) {
  std::ifstream file(path);
  std::array<char, 256> line{};
  file.getline(line.data(), line.size());
  const std::string text(Trim(line.data()));
  return IsPrintableUtf8(text) ? text : std::string();
}

}  // namespace

Machine Machine::Read(const std::string& root) {
  return {FirstLineOf(root + "etc/machine-id"),
          FirstLineOf(root + "proc/sys/kernel/random/boot_id"),
          FirstLineOf(root + "sys/class/dmi/id/product_name")};
}

std::optional<bool> Machine::IsEcs() const {
  if (product_name.empty()) return std::nullopt;
  return product_name == kEcsProductName;
}

std::uint64_t Machine::Seed() const {
  const std::string all = machine_id + '/' + boot_id;
  std::seed_seq mixed(all.begin(), all.end());
  std::array<std::uint32_t, 2> words{};
  mixed.generate(words.begin(), words.end());
  return std::uint64_t{words[0]} << 32 | words[1];
}

}  // namespace aliyun_ecs
