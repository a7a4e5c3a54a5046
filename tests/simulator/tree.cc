#include "simulator/tree.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

// Why `path` cannot be a leaf's, or nullopt.
std::optional<std::string> Complaint(std::string_view path) {
  const auto names = Split(path, '/');
  if (names.size() > Tree::kMostNames) {
    return fmt::format("a path may have {} names, not {}", Tree::kMostNames, names.size());
  }
  for (const auto name : names) {
    if (name.empty()) return fmt::format("{} has an empty name in it", JsonQuote(path));
    if (name == "." || name == "..") {
      return fmt::format("{} has the name {} in it, which no client can ask for", JsonQuote(path),
                         JsonQuote(name));
    }
    if (!IsPrintableUtf8(name)) {
      return fmt::format("{} has a control character or broken UTF-8 in it", JsonQuote(path));
    }
  }
  return std::nullopt;
}

// The directories that a leaf at `path` lies in, from the top, without the root: "a", "a/b" for
// "a/b/c".
std::vector<std::string_view> DirectoriesAbove(std::string_view path) {
  std::vector<std::string_view> directories;
  for (auto slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    directories.push_back(path.substr(0, slash));
  }
  return directories;
}

}  // namespace

std::optional<std::string> Tree::Read(std::string_view path) const {
  // A leaf asked for with a slash at its end is not found. What the service does is not known.
  if (const auto leaf = leaves_.find(path); leaf != leaves_.end()) return leaf->second;

  std::string prefix(path);
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  std::string listing;
  std::string_view last;
  // The service sorts by what it shows, the slash of a directory included. That is the order of
  // the paths themselves.
  for (auto leaf = leaves_.lower_bound(prefix);
       leaf != leaves_.end() && leaf->first.starts_with(prefix); ++leaf) {
    const auto below = std::string_view(leaf->first).substr(prefix.size());
    const auto shown =
        below.substr(0, below.find('/') == std::string_view::npos ? std::string_view::npos
                                                                  : below.find('/') + 1);
    if (shown == last) continue;
    if (!last.empty()) listing += '\n';
    listing += shown;
    last = shown;
  }
  // The root is always there.
  if (last.empty() && !prefix.empty()) return std::nullopt;
  return listing;
}

Result<void> Tree::Put(std::string_view path, std::string text) {
  if (auto complaint = Complaint(path)) return Fail(ErrorCode::kInvalid, std::move(*complaint));
  for (const auto directory : DirectoriesAbove(path)) {
    if (leaves_.contains(directory)) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("{} cannot be a directory, because it has a text of its own",
                              JsonQuote(directory)));
    }
  }
  if (HasDirectory(path)) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("{} cannot have a text, because it is a directory", JsonQuote(path)));
  }
  const auto leaf = leaves_.find(path);
  const bool is_new = leaf == leaves_.end();
  const auto before = is_new ? 0 : path.size() + leaf->second.size();
  const auto after = path.size() + text.size();
  if ((is_new && leaves_.size() >= kMostLeaves) ||
      (after > before && bytes_ - before + after > kMostBytes)) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("{} has no room: an instance may have {} texts, of {} bytes in all",
                            JsonQuote(path), kMostLeaves, kMostBytes));
  }
  bytes_ = bytes_ - before + after;
  leaves_.insert_or_assign(std::string(path), std::move(text));
  return {};
}

void Tree::Overwrite(std::string_view path, std::string text) {
  for (const auto directory : DirectoriesAbove(path)) {
    if (const auto leaf = leaves_.find(directory); leaf != leaves_.end()) Remove(leaf);
  }
  Erase(path);
  bytes_ += path.size() + text.size();
  leaves_.emplace(path, std::move(text));
}

bool Tree::Erase(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  const auto size_before = leaves_.size();
  if (const auto leaf = leaves_.find(path); leaf != leaves_.end()) Remove(leaf);
  const std::string prefix = std::string(path) + '/';
  for (auto leaf = leaves_.lower_bound(prefix);
       leaf != leaves_.end() && leaf->first.starts_with(prefix);) {
    leaf = Remove(leaf);
  }
  return leaves_.size() != size_before;
}

Tree::Leaves::iterator Tree::Remove(Leaves::iterator leaf) {
  bytes_ -= leaf->first.size() + leaf->second.size();
  return leaves_.erase(leaf);
}

bool Tree::HasDirectory(std::string_view path) const {
  const std::string prefix = std::string(path) + '/';
  const auto leaf = leaves_.lower_bound(prefix);
  return leaf != leaves_.end() && leaf->first.starts_with(prefix);
}

}  // namespace aliyun_ecs::simulator
