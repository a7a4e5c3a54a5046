#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace aliyun_ecs {

// What Linux says of the machine, in files that anybody may read. A part that cannot be read is
// empty.
struct Machine {
  std::string machine_id;    // /etc/machine-id: of this installation, copied with its disk
  std::string boot_id;       // of this boot of the kernel; no two boots anywhere have the same
  std::string product_name;  // of the DMI tables: "Alibaba Cloud ECS" on an ECS instance

  // `root`: below which the files are looked for; ends in a slash.
  [[nodiscard]] static Machine Read(const std::string& root = "/");

  // Whether it is an ECS instance; nullopt where it does not say what it is.
  [[nodiscard]] std::optional<bool> IsEcs() const;

  // A number that differs from machine to machine and stays the same during a boot. The boot counts
  // too, because a fleet made from one image may share one machine ID.
  [[nodiscard]] std::uint64_t Seed() const;
};

// Source: cloud-init and ohai know an ECS instance by this name.
inline constexpr auto kEcsProductName = "Alibaba Cloud ECS";

}  // namespace aliyun_ecs
