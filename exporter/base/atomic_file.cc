#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace aliyun_ecs {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }
  bool Close() { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

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
  // Not waiting for the other end of a pipe.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return Failed("read", path);
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kUnavailable, JsonQuote(path) + " cannot be read: it is no file");
  }
  std::string content;
  std::array<char, 16 * 1024> piece{};
  while (true) {
    const ssize_t size = ::read(file.number(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed("read", path);
    if (size == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(size));
    if (content.size() > most) {
      return Fail(ErrorCode::kInvalid,
                  JsonQuote(path) + " is larger than " + std::to_string(most) + " bytes");
    }
  }
}

}  // namespace aliyun_ecs
