#include <string>

#include "fuzz/fuzz.h"
#include "metadata/value.h"
#include "support/strict_json.h"

// The credential document of a RAM role, held against a second reader of JSON: what is taken from
// it is what stands there, and it is a flat object. The secret fields have nowhere to go: that is a
// matter of types.

namespace aliyun_ecs::fuzz {
namespace {

const Item& CredentialItem() { return Row(kRoleCredentials); }

// The time that a member gives; nullopt where it gives none.
std::optional<SystemTime> TimeIn(const StrictJson& document, std::string_view name) {
  const StrictJson* const member = document.Find(name);
  return member == nullptr ? std::nullopt : ParseUtc(*member->text());
}

bool IsFlat(const StrictJson& document) {
  const auto* const members = std::get_if<StrictJson::Object>(&document.value);
  if (members == nullptr) return false;
  for (const auto& [name, member] : *members) {
    if (std::holds_alternative<StrictJson::Array>(member.value) ||
        std::holds_alternative<StrictJson::Object>(member.value)) {
      return false;
    }
    const bool wanted = name == "Code" || name == "Expiration" || name == "LastUpdated";
    if (wanted && member.text() == nullptr) return false;
  }
  return true;
}

}  // namespace

void Fuzz(std::string_view input) {
  const auto value = ParseItem(CredentialItem(), Secret(input));
  const auto document = ReadStrictJson(input);
  if (!document) return;  // a name that is there twice is for item_value
  const StrictJson* const code = document->Find("Code");
  const bool good = IsFlat(*document) && code != nullptr &&
                    (*code->text() != "Success" || TimeIn(*document, "Expiration").has_value());
  ALWAYS(value.has_value() == good);
  if (!good) return;
  const auto& credentials = std::get<Credentials>(**value);
  ALWAYS(credentials.success == (*code->text() == "Success"));
  ALWAYS(credentials.expiration == TimeIn(*document, "Expiration"));
  ALWAYS(credentials.last_updated == TimeIn(*document, "LastUpdated"));
}

}  // namespace aliyun_ecs::fuzz
