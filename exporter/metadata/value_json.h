#pragma once

#include <nlohmann/json_fwd.hpp>

#include "metadata/value.h"

// Value <-> JSON, for /snapshot and for the state file.

namespace aliyun_ecs {

[[nodiscard]] nlohmann::ordered_json ToJson(const Value& value);

// The value of an item from what ToJson made of it. As suspicious as ParseItem: a file is no more
// to be trusted than the network. kMalformed where it is no value of this item.
[[nodiscard]] Result<Value> ValueFromJson(const Item& item, const nlohmann::json& json);

// The entries of a listing, likewise.
[[nodiscard]] Result<std::vector<std::string>> ListingFromJson(const nlohmann::json& json);

}  // namespace aliyun_ecs
