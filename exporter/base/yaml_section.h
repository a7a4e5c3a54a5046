#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/yaml_document.h"

namespace aliyun_ecs {

// What is wrong with a file, one sentence each.
using Complaints = std::vector<std::string>;

// A map of a configuration file in YAML, whose keys are taken one by one; what is left over is
// complained of. No complaint quotes a value: it may be a password. Any call may throw
// YAML::Exception; ReadYamlSections takes it.
class YamlSection {
 public:
  // `name` is the way to it: "" or "tls_server_config". `complaints` outlives the section.
  YamlSection(const YAML::Node& node, std::string name, Complaints& complaints);
  ~YamlSection() = default;
  YamlSection(const YamlSection&) = delete;
  YamlSection& operator=(const YamlSection&) = delete;

  // "tls_server_config.key_file", as complaints call it.
  [[nodiscard]] std::string Path(const std::string& key) const;
  void Complain(std::string sentence) { complaints_.push_back(std::move(sentence)); }

  // What stands behind a key; nullopt where nothing does. A value of the wrong kind is complained
  // of and nullopt as well.
  [[nodiscard]] std::optional<YAML::Node> Take(const std::string& key);
  [[nodiscard]] std::optional<std::string> TakeWord(const std::string& key);
  [[nodiscard]] std::optional<bool> TakeSwitch(const std::string& key);

  // The name of a file; counted from `folder` when it is not absolute. Empty where there is none.
  [[nodiscard]] std::string TakeFile(const std::string& key, const std::string& folder);

  [[nodiscard]] std::vector<std::string> TakeList(const std::string& key);

  // All that are left, as words by key.
  [[nodiscard]] std::map<std::string, std::string> TakeWords();

  // To be called last.
  void RefuseTheRest();

 private:
  // Of a key that nobody asked for. Names it only when it looks like one: in "password:secret" and
  // "{password: se,cret}" a part of a value is a key.
  void ComplainOfKey(const std::string& key, const YAML::Node& value, const std::string& what);
  [[nodiscard]] std::string Itself() const { return name_.empty() ? "the file" : name_; }

  std::string name_;
  Complaints& complaints_;
  std::map<std::string, YAML::Node> values_;
};

// Gives the outermost map of a text to `read`; what is not YAML is complained of.
void ReadYamlSections(const std::string& text, Complaints& complaints,
                      const std::function<void(YamlSection& top)>& read);

}  // namespace aliyun_ecs
