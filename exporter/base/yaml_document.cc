#include "base/yaml_document.h"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace aliyun_ecs {
namespace {

// Takes every event and does nothing.
class Ignore final : public YAML::EventHandler {
 public:
  using Mark = YAML::Mark;
  using Style = YAML::EmitterStyle::value;
  void OnDocumentStart(const Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const Mark&, YAML::anchor_t) override {}
  void OnAlias(const Mark&, YAML::anchor_t) override {}
  void OnScalar(const Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const Mark&, const std::string&, YAML::anchor_t, Style) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const Mark&, const std::string&, YAML::anchor_t, Style) override {}
  void OnMapEnd() override {}
};

// Not by YAML::LoadAll(): on some texts, ", a" for one, it finds documents without end.
bool HasOneDocumentAtMost(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Ignore ignore;
  return !parser.HandleNextDocument(ignore) || !parser.HandleNextDocument(ignore);
}

}  // namespace

std::string NotYaml(const YAML::Exception& exception) {
  return "is not YAML (line " + std::to_string(exception.mark.line + 1) + ", " +
         exception.msg.substr(0, exception.msg.find(':')) + ")";
}

Result<YAML::Node> ReadYamlDocument(const std::string& text) {
  try {
    if (!HasOneDocumentAtMost(text)) {
      return Fail(ErrorCode::kInvalid, "is more than one document, or begins with what is none");
    }
    return YAML::Load(text);
  } catch (const YAML::Exception& exception) {
    return Fail(ErrorCode::kInvalid, NotYaml(exception));
  }
}

}  // namespace aliyun_ecs
