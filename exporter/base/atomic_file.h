#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace aliyun_ecs {

// Puts `content` into the file `path`, which must lie in a folder that exists. Whoever reads it
// sees all of the old content or all of the new, also after a crash of this process at any moment;
// what a failure leaves is the old content. The new content is first written to `path` + ".tmp",
// so two processes must not write the same file.
//
// kUnavailable, or kNotFound where something of the path is not there, with one sentence that names
// the file.
[[nodiscard]] Result<void> WriteFileAtomically(const std::string& path, std::string_view content,
                                               mode_t mode);

// Removes the file. That there is none is not an error.
[[nodiscard]] Result<void> RemoveFile(const std::string& path);

// The whole content of a file of at most `most` bytes. kNotFound where there is none, kUnavailable
// where it cannot be read, kInvalid where it is larger.
[[nodiscard]] Result<std::string> ReadWholeFile(const std::string& path, std::size_t most);

// The first line of a file of at most 4 KiB, a password; nothing of it is left in memory elsewhere.
// Errors as above, and kInvalid where the line is empty.
[[nodiscard]] Result<Secret> ReadSecretFile(const std::string& path);

}  // namespace aliyun_ecs
