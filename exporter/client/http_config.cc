#include "client/http_config.h"

#include <filesystem>
#include <tuple>
#include <utility>

#include "base/atomic_file.h"
#include "base/text.h"

namespace aliyun_ecs {
namespace {

constexpr std::size_t kLongest = 256 * 1024;

// The value of `key`, or the first line of the file that `key`_file names; one of them must be
// there.
Secret TakeSecret(YamlSection& section, const std::string& key, const std::string& folder) {
  const auto word = section.TakeWord(key);
  const std::string file_key = key + "_file";
  const std::string file = section.TakeFile(file_key, folder);
  if (word.has_value() == !file.empty()) {
    section.Complain(section.Path(key) + " or " + file_key + " must be given, and not both");
  } else if (!word) {
    auto secret = ReadSecretFile(file);
    if (secret) return *std::move(secret);
    section.Complain(section.Path(file_key) + ": " + secret.error().message);
  } else if (word->empty() || !IsPrintableUtf8(*word)) {
    // A line break would begin another header.
    section.Complain(section.Path(key) + " must be one line of text");
  } else {
    return Secret(*word);
  }
  return {};
}

void ReadBasicAuth(YamlSection& section, const std::string& folder, OperatorAccess& access) {
  access.username = section.TakeWord("username").value_or("");
  access.password = TakeSecret(section, "password", folder);
  section.RefuseTheRest();
  if (access.username.empty()) {
    section.Complain(section.Path("username") + " is missing");
  } else if (!IsPrintableUtf8(access.username) || access.username.find(':') != std::string::npos) {
    section.Complain(section.Path("username") + " must be one line of text without a colon");
  }
}

void ReadAuthorization(YamlSection& section, const std::string& folder, OperatorAccess& access) {
  // The word is not repeated: somebody may have written the token there.
  if (LowerCase(section.TakeWord("type").value_or("Bearer")) != "bearer") {
    section.Complain(section.Path("type") + " must be Bearer");
  }
  access.bearer_token = TakeSecret(section, "credentials", folder);
  section.RefuseTheRest();
}

void ReadTlsConfig(YamlSection& section, const std::string& folder, OperatorAccess& access) {
  const std::pair<const char*, std::string&> files[] = {
      {"ca_file", access.ca_file}, {"cert_file", access.cert_file}, {"key_file", access.key_file}};
  for (const auto& [key, file] : files) {
    file = section.TakeFile(key, folder);
    if (file.empty()) continue;
    const auto content = ReadWholeFile(file, kLongest);
    if (!content) section.Complain(section.Path(key) + ": " + content.error().message);
  }
  if (access.cert_file.empty() != access.key_file.empty()) {
    section.Complain(section.Path("cert_file") + " and key_file must be given together");
  }
  if (section.TakeSwitch("insecure_skip_verify").value_or(false)) {
    section.Complain(section.Path("insecure_skip_verify") +
                     ": whoever is asked must prove who it is; give its certificate as ca_file");
  }
  if (!section.TakeWord("server_name").value_or("").empty()) {
    section.Complain(section.Path("server_name") + ": use this name in the URL instead");
  }
  section.RefuseTheRest();
}

}  // namespace

HttpConfigReading ParseHttpConfig(const std::string& text, const std::string& folder) {
  HttpConfigReading reading;
  ReadYamlSections(text, reading.complaints, [&](YamlSection& top) {
    const auto with = [&](const char* key, auto read) {
      const auto node = top.Take(key);
      if (!node) return false;
      YamlSection section(*node, key, reading.complaints);
      if (node->IsMap()) read(section, folder, reading.access);
      return true;
    };
    const bool basic = with("basic_auth", &ReadBasicAuth);
    const bool bearer = with("authorization", &ReadAuthorization);
    if (basic && bearer) top.Complain("basic_auth and authorization cannot be used together");
    std::ignore = with("tls_config", &ReadTlsConfig);
  });
  return reading;
}

HttpConfigReading ReadHttpConfig(const std::string& path) {
  const auto text = ReadWholeFile(path, kLongest);
  if (!text) return {{}, {text.error().message}};
  return ParseHttpConfig(*text, std::filesystem::path(path).parent_path().string());
}

}  // namespace aliyun_ecs
