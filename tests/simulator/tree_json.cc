#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "simulator/tree.h"

// The loader of a tree that somebody wrote or captured. It knows nothing of our catalog, so that
// a mistake there cannot hide itself in the tests.

namespace aliyun_ecs::simulator {
namespace {

// Far deeper than any metadata, and far from the end of the stack.
constexpr int kMostLevels = 32;

Result<void> Add(const nlohmann::json& directory, const std::string& prefix, int level,
                 Tree& tree) {
  if (level > kMostLevels) {
    return Fail(ErrorCode::kInvalid, fmt::format("{} lies more than {} directories deep",
                                                 JsonQuote(prefix), kMostLevels));
  }
  for (const auto& [name, value] : directory.items()) {
    const std::string path = prefix + name;
    Result<void> added;
    if (value.is_string()) {
      if (tree.leaves().contains(path)) {
        return Fail(ErrorCode::kInvalid, fmt::format("{} is given twice", JsonQuote(path)));
      }
      added = tree.Put(path, value.get<std::string>());
    } else if (value.is_object() && !value.empty()) {
      added = Add(value, path + '/', level + 1, tree);
    } else if (value.is_object()) {
      added =
          Fail(ErrorCode::kInvalid,
               fmt::format("{} is an empty object, but a directory exists through what it holds",
                           JsonQuote(path)));
    } else {
      added = Fail(ErrorCode::kInvalid, fmt::format("{} is neither a string nor an object, but {}",
                                                    JsonQuote(path), value.type_name()));
    }
    if (!added) return added;
  }
  return {};
}

}  // namespace

Result<Tree> Tree::FromJson(std::string_view json) {
  nlohmann::json root;
  try {
    root = nlohmann::json::parse(json);
  } catch (const nlohmann::json::parse_error& error) {
    const auto before = json.substr(0, error.byte == 0 ? 0 : error.byte - 1);
    const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return Fail(ErrorCode::kInvalid, fmt::format("this is not JSON from line {}, column {} on",
                                                 1 + std::count(before.begin(), before.end(), '\n'),
                                                 1 + before.size() - line_start));
  } catch (const nlohmann::json::out_of_range&) {
    return Fail(ErrorCode::kInvalid, "a number in it is too large");
  }
  if (!root.is_object()) {
    return Fail(ErrorCode::kInvalid,
                fmt::format("the outermost value is not an object, but {}", root.type_name()));
  }
  Tree tree;
  if (auto added = Add(root, "", 1, tree); !added) return tl::unexpected(std::move(added.error()));
  return tree;
}

}  // namespace aliyun_ecs::simulator
