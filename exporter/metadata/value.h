#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "metadata/catalog.h"

// Bytes of the metadata service -> Value. One parser for each shape, all pure. Everything that
// comes in is hostile: an error page, a captive portal's greeting or a control character never
// becomes a value.

namespace aliyun_ecs {

// What may be shown of a public key: `ssh-keygen -l` prints the same.
struct PublicKey {
  std::string type;         // "ssh-ed25519"
  std::string fingerprint;  // "SHA256:" and 43 characters of Base64 without padding

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

// What may be shown of a RAM role's credential document. The keys and the STS token die in the
// parser.
struct Credentials {
  bool success = false;                  // Code is "Success"
  std::optional<SystemTime> expiration;  // always there when `success`
  std::optional<SystemTime> last_updated;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// What an item said. It cannot hold a Secret, so neither can a Snapshot.
using Value = std::variant<std::string,               // Shape::kWord, Shape::kText
                           std::vector<std::string>,  // Shape::kList, and the listings
                           std::int64_t,              // Shape::kKilobitsPerSecond
                           SystemTime,                // Shape::kTime
                           PublicKey,                 // Shape::kPublicKey
                           Credentials>;              // Shape::kCredentialDocument

inline constexpr std::size_t kMaxTextBytes = 1024;   // of a text or a word of a list
inline constexpr std::size_t kMaxListEntries = 256;  // of a list or a listing
inline constexpr std::size_t kMaxIndexBytes = 128;   // of a directory's entry

// The value of an item from the body of a 200. An empty body is nullopt, "this instance has none",
// where the row's presence allows that, and kMalformed elsewhere. Consumes the bytes: they are
// wiped before it returns. No error message quotes them.
[[nodiscard]] Result<std::optional<Value>> ParseItem(const Item& item, Secret body);

// The entries of a directory from the body of a 200, sorted, without their slashes, each once.
// Understands every encoding of kList. An entry that could not stand in a path (anything but
// letters, digits and @:_-.=,+) makes the listing kMalformed: it goes into the next request's path.
// Where the names are people's, such an entry is passed over.
[[nodiscard]] Result<std::vector<std::string>> ParseListing(Secret body,
                                                            Naming naming = Naming::kVendor);

// What an answered request says: the value in the body of a 200, or nullopt, "there is none", for a
// 404 (no body) and where ParseItem says so. Beside ParseItem's and ParseListing's errors kMissing,
// when there is none of what every instance has: any web server answers 404, and taken at its word
// it would empty the instance's identity or take its interfaces away.
[[nodiscard]] Result<std::optional<Value>> ValueOf(const Item& item, std::optional<Secret> body);
// The same of a directory: the value is the list of its entries.
[[nodiscard]] Result<std::optional<Value>> ValueOf(const DirectoryRow& row,
                                                   std::optional<Secret> body);

// True when `entry` may stand in a request path for a placeholder.
[[nodiscard]] bool IsIndex(std::string_view entry);

}  // namespace aliyun_ecs
