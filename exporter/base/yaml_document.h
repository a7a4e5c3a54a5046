#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "base/result.h"

namespace aliyun_ecs {

// The one document of a text in YAML; a null node when it has none. kInvalid, with what can be said
// of the file: "is not YAML (line 3, …)". Reading on in the node may throw YAML::Exception.
[[nodiscard]] Result<YAML::Node> ReadYamlDocument(const std::string& text);

// What it throws, in words: without what the library may quote, behind a colon, of the file.
[[nodiscard]] std::string NotYaml(const YAML::Exception& exception);

}  // namespace aliyun_ecs
