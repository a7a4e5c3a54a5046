#pragma once

#include <nlohmann/json.hpp>

namespace aliyun_ecs {

// One object of a JSON document that somebody else may have written, read member by member.
// Remembers whether all was as it should be: what is missing, of the wrong kind or beyond its
// limits spoils it. `Json` is a kind of nlohmann::basic_json; the document outlives this.
template <typename Json>
class ToldObject {
 public:
  explicit ToldObject(const Json& json) : json_(json), good_(json.is_object()) {}

  // nullptr when it is not there.
  [[nodiscard]] const Json* Find(const char* name) const {
    return json_.is_object() && json_.contains(name) ? &json_[name] : nullptr;
  }

  void Read(const char* name, bool& into) {
    const Json* const member = Find(name);
    if (member == nullptr || !member->is_boolean()) return Spoil();
    into = member->template get<bool>();
  }
  // From `least` to `most`.
  void Read(const char* name, double& into, double least, double most) {
    const Json* const member = Find(name);
    if (member == nullptr || !member->is_number()) return Spoil();
    into = member->template get<double>();
    if (!(into >= least && into <= most)) Spoil();
  }

  void Spoil() { good_ = false; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  const Json& json_;
  bool good_;
};

}  // namespace aliyun_ecs
