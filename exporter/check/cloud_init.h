#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aliyun_ecs {

// The version of the cloud-init that is installed on this machine ("22.4.2"), from its Python
// package in one of the places where distributions put it; nullopt when there is none, or none that
// can be read. No program is run.
//
// `root`: below which it is looked for; ends in a slash.
[[nodiscard]] std::optional<std::string> InstalledCloudInit(const std::string& root = "/");

// Whether that version reads in hardened mode, so that normal mode can be closed. Source: the
// vendor's page on instance metadata asks for 23.2.2 or newer. A distribution may have brought the
// ability to an older one.
[[nodiscard]] bool CloudInitReadsHardened(std::string_view version);

}  // namespace aliyun_ecs
