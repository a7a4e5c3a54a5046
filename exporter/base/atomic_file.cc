#include "base/atomic_file.h"

#include <fcntl.h>
#include <string.h>  // explicit_bzero
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/text.h"

namespace aliyun_ecs {
namespace {

tl::unexpected<Error> Failed(std::string_view what, const std::string& path) {
  const int error = errno;
  return Fail(error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
              JsonQuote(path) + " cannot be " + std::string(what) + ": " +
                  std::generic_category().message(error));
}

bool WriteAll(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Gives the file to `take` piece by piece, until that returns false: it was too much.
template <typename Take>
Result<void> ReadPieces(const std::string& path, std::size_t most, Take take) {
  // Not waiting for the other end of a pipe.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return Failed("read", path);
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kUnavailable, JsonQuote(path) + " cannot be read: it is no file");
  }
  std::array<char, 16 * 1024> piece{};
  while (true) {
    const ssize_t size = ::read(file.number(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed("read", path);
    if (size == 0) break;
    const bool taken = take(std::string_view(piece.data(), static_cast<std::size_t>(size)));
    ::explicit_bzero(piece.data(), static_cast<std::size_t>(size));
    if (!taken) {
      return Fail(ErrorCode::kInvalid,
                  JsonQuote(path) + " is larger than " + std::to_string(most) + " bytes");
    }
  }
  return {};
}

}  // namespace

Result<void> WriteFileAtomically(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = path + ".tmp";
  // Always a file of our own: what a crash left there, or a link or pipe that somebody laid, goes.
  ::unlink(temporary.c_str());
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  Descriptor file(::open(temporary.c_str(), kFlags, mode));
  if (file.number() < 0) return Failed("written", path);
  const bool good = ::fchmod(file.number(), mode) == 0 && WriteAll(file.number(), content) &&
                    file.Close() && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (good) return {};
  auto failed = Failed("written", path);
  ::unlink(temporary.c_str());
  return failed;
}

Result<void> RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("removed", path);
  return {};
}

Result<std::string> ReadWholeFile(const std::string& path, std::size_t most) {
  std::string content;
  auto read = ReadPieces(path, most, [&](std::string_view piece) {
    content += piece;
    return content.size() <= most;
  });
  if (!read) return tl::unexpected(std::move(read).error());
  return content;
}

Result<Secret> ReadSecretFile(const std::string& path) {
  constexpr std::size_t kMost = 4096;
  Secret content;
  auto read =
      ReadPieces(path, kMost, [&](std::string_view piece) { return content.Append(piece, kMost); });
  if (!read) return tl::unexpected(std::move(read).error());
  const std::string_view all = content.Reveal();
  const std::string_view line = all.substr(0, all.find_first_of("\r\n"));
  if (line.empty()) return Fail(ErrorCode::kInvalid, JsonQuote(path) + " has an empty first line");
  return Secret(line);
}

}  // namespace aliyun_ecs
