#include "base/yaml_section.h"

#include <filesystem>
#include <utility>

#include "base/text.h"

namespace aliyun_ecs {

YamlSection::YamlSection(const YAML::Node& node, std::string name, Complaints& complaints)
    : name_(std::move(name)), complaints_(complaints) {
  if (!node || node.IsNull()) return;
  if (!node.IsMap()) {
    Complain(Itself() + " must hold keys and values");
    return;
  }
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      Complain(Itself() + " has a key that is not a word");
    } else if (!values_.emplace(entry.first.Scalar(), entry.second).second) {
      ComplainOfKey(entry.first.Scalar(), entry.second, "is given twice");
    }
  }
}

std::string YamlSection::Path(const std::string& key) const {
  constexpr std::size_t kLongest = 80;
  const bool plain = !key.empty() && IsPrintableUtf8(key) && key.size() <= kLongest;
  const std::string word = plain ? key : JsonQuote(key.substr(0, kLongest));
  return name_.empty() ? word : name_ + "." + word;
}

void YamlSection::ComplainOfKey(const std::string& key, const YAML::Node& value,
                                const std::string& what) {
  constexpr std::string_view kOfWords = "abcdefghijklmnopqrstuvwxyz0123456789_";
  const bool word = !value.IsNull() && key.find_first_not_of(kOfWords) == std::string::npos;
  Complain((word ? Path(key) : "what stands in " + Itself()) + " " + what);
}

std::optional<YAML::Node> YamlSection::Take(const std::string& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  const YAML::Node node = found->second;
  values_.erase(found);
  if (node.IsNull()) return std::nullopt;  // "key:" alone is as good as nothing
  return node;
}

std::optional<std::string> YamlSection::TakeWord(const std::string& key) {
  const auto node = Take(key);
  if (!node) return std::nullopt;
  if (!node->IsScalar()) {
    Complain(Path(key) + " must be one value");
    return std::nullopt;
  }
  return node->Scalar();
}

std::optional<bool> YamlSection::TakeSwitch(const std::string& key) {
  const auto word = TakeWord(key);
  if (!word) return std::nullopt;
  if (*word != "true" && *word != "false") {
    Complain(Path(key) + " must be true or false");
    return std::nullopt;
  }
  return *word == "true";
}

std::string YamlSection::TakeFile(const std::string& key, const std::string& folder) {
  std::string path = TakeWord(key).value_or("");
  if (path.empty() || path.front() == '/') return path;
  return (std::filesystem::path(folder) / path).string();
}

std::vector<std::string> YamlSection::TakeList(const std::string& key) {
  std::vector<std::string> list;
  const auto node = Take(key);
  if (!node) return list;
  bool words = node->IsSequence();
  if (words) {
    for (const auto& element : *node) {
      words = words && element.IsScalar();
      if (element.IsScalar()) list.push_back(element.Scalar());
    }
  }
  if (!words) Complain(Path(key) + " must be a list");
  return list;
}

std::map<std::string, std::string> YamlSection::TakeWords() {
  std::map<std::string, std::string> words;
  for (const auto& [key, node] : values_) {
    if (node.IsScalar() || node.IsNull()) {
      words.emplace(key, node.IsNull() ? "" : node.Scalar());
    } else {
      Complain(Path(key) + " must be one value");
    }
  }
  values_.clear();
  return words;
}

void YamlSection::RefuseTheRest() {
  for (const auto& [key, node] : values_) {
    ComplainOfKey(key, node, "is not a key that is understood here");
  }
}

void ReadYamlSections(const std::string& text, Complaints& complaints,
                      const std::function<void(YamlSection& top)>& read) {
  const auto document = ReadYamlDocument(text);
  if (!document) {
    complaints.push_back("the file " + document.error().message);
    return;
  }
  try {
    YamlSection top(*document, "", complaints);
    read(top);
    top.RefuseTheRest();
  } catch (const YAML::Exception& exception) {
    complaints.push_back("the file " + NotYaml(exception));
  }
}

}  // namespace aliyun_ecs
