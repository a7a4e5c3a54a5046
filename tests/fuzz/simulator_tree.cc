#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "fuzz/fuzz.h"
#include "simulator/tree.h"

// The loader of tree files, and what a tree must be like whatever it was loaded from.

namespace aliyun_ecs::fuzz {
namespace {

using simulator::Tree;

// Everything that is listed must be there, and every leaf must be reached, once and in order.
// Returns how many leaves there are below `path`, which is empty or ends in a slash.
std::size_t CountLeaves(const Tree& tree, const std::string& path) {
  const auto listing = tree.Read(path);
  ALWAYS(listing.has_value());
  if (path.empty() && listing->empty()) return 0;
  if (!path.empty()) ALWAYS(tree.Read(path.substr(0, path.size() - 1)) == listing);

  std::size_t leaves = 0;
  std::string_view last;
  for (const auto name : Split(*listing, '\n')) {
    ALWAYS(!name.empty() && last < name);
    last = name;
    const std::string below = path + std::string(name);
    if (below.ends_with('/')) {
      leaves += CountLeaves(tree, below);
    } else {
      ALWAYS(tree.Read(below) == tree.leaves().at(below));
      ++leaves;
    }
  }
  return leaves;
}

// The same tree as a file with one name for each leaf, and as one with an object for each
// directory.
void CheckRoundTrips(const Tree& tree) {
  const auto flat = Tree::FromJson(nlohmann::json(tree.leaves()).dump());
  ALWAYS(flat && flat->leaves() == tree.leaves());

  nlohmann::json nested = nlohmann::json::object();
  for (const auto& [path, text] : tree.leaves()) {
    auto* directory = &nested;
    for (const auto name : Split(path, '/')) directory = &(*directory)[std::string(name)];
    *directory = text;
  }
  const auto loaded = Tree::FromJson(nested.dump());
  ALWAYS(loaded ? loaded->leaves() == tree.leaves()
                : loaded.error().message.ends_with("directories deep"));
}

}  // namespace

void Fuzz(std::string_view input) {
  auto tree = Tree::FromJson(input);
  if (!tree) {
    ALWAYS(tree.error().code == ErrorCode::kInvalid ||
           tree.error().code == ErrorCode::kUnavailable);
    ALWAYS(!tree.error().message.empty() && IsPrintableUtf8(tree.error().message));
    return;
  }
  ALWAYS(CountLeaves(*tree, "") == tree->leaves().size());
  CheckRoundTrips(*tree);
  while (!tree->leaves().empty()) {
    const auto path = tree->leaves().begin()->first;
    ALWAYS(tree->Erase(path) && !tree->Read(path));
  }
}

}  // namespace aliyun_ecs::fuzz
