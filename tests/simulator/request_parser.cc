#include "simulator/request_parser.h"

#include <algorithm>

#include "base/text.h"

namespace aliyun_ecs::simulator {
namespace {

// RFC 9110's token: what a method and a header's name are made of.
bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

std::optional<std::uint64_t> ParseSize(std::string_view text, int base) {
  return ParseWhole<std::uint64_t>(text, 0, UINT64_MAX, base);
}

// Whether the word is in a list with commas.
bool Holds(std::string_view list, std::string_view word) {
  const auto words = Split(list, ',');
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view one) { return EqualIgnoringCase(Trim(one), word); });
}

// The path and query of "http://100.100.100.200/latest/?x", as a proxy's client writes it; others
// are in that form already.
std::string_view WithoutAuthority(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (!target.starts_with(kScheme)) return target;
  const auto slash = target.find('/', kScheme.size());
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

}  // namespace

RequestParser::State RequestParser::Feed(std::string_view bytes) {
  pending_ += bytes;
  Advance();
  return state_;
}

RequestParser::State RequestParser::Next() {
  if (state_ == State::kComplete) {
    state_ = State::kHead;
    request_ = {};
    Advance();
  }
  return state_;
}

bool RequestParser::TakeInvitation() { return std::exchange(invitation_, false); }

void RequestParser::Advance() {
  if (state_ == State::kHead && !ParseHead()) return;
  if (state_ != State::kBody) return;
  if (chunked_ ? TakeChunks() : TakeBody()) {
    state_ = State::kComplete;
    invitation_ = false;
  }
}

// True when the head is complete and good.
bool RequestParser::ParseHead() {
  // Empty lines before a request are a habit of old clients.
  pending_.erase(0, std::min(pending_.find_first_not_of("\r\n"), pending_.size()));
  const auto crlf = pending_.find("\n\r\n");
  const auto lf = pending_.find("\n\n");
  const auto end = std::min(crlf, lf);
  // The last two bytes of what has come may be the beginning of the empty line.
  if (end == std::string::npos ? pending_.size() > kLargestHead + 2 : end > kLargestHead) {
    Break(431);
    return false;
  }
  if (end == std::string::npos) return false;
  const std::string head = pending_.substr(0, end + 1);
  pending_.erase(0, end + (end == crlf ? 3 : 2));
  if (const int status = ReadHead(head); status != 0) {
    Break(status);
    return false;
  }
  state_ = State::kBody;
  return true;
}

// The status to refuse the request with, or 0.
int RequestParser::ReadHead(std::string_view head) {
  auto lines = Split(head, '\n');
  lines.pop_back();  // what follows the last line end
  for (auto& line : lines) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (HasControlCharacter(line)) return 400;
  }
  const auto words = Split(lines.front(), ' ');
  if (words.size() != 3 || !IsToken(words[0]) || words[1].empty()) return 400;
  if (!words[2].starts_with("HTTP/")) return 400;
  if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0") return 505;
  if (lines.size() - 1 > kMostHeaders) return 431;

  request_ = {.method = std::string(words[0]), .target = std::string(WithoutAuthority(words[1]))};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    // A line that goes on with a blank is the old way to fold a header; nobody may send it now.
    if (colon == std::string_view::npos || !IsToken(lines[i].substr(0, colon))) return 400;
    request_.headers.emplace_back(lines[i].substr(0, colon), Trim(lines[i].substr(colon + 1)));
  }

  chunked_ = false;
  left_ = 0;
  received_ = 0;
  chunk_ = Chunk::kSize;
  bool length_given = false;
  for (const auto& [name, value] : request_.headers) {
    if (EqualIgnoringCase(name, "content-length")) {
      const auto length = ParseSize(value, 10);
      // Two lengths are two meanings.
      if (!length || (length_given && *length != left_)) return 400;
      if (*length > kLargestBody) return 413;
      length_given = true;
      left_ = *length;
    } else if (EqualIgnoringCase(name, "transfer-encoding")) {
      if (chunked_ || !Holds(value, "chunked") || value.find(',') != std::string::npos) {
        return 400;
      }
      chunked_ = true;
    }
  }
  if (chunked_ && (length_given || words[2] == "HTTP/1.0")) return 400;

  keep_alive_ = words[2] == "HTTP/1.1";
  if (const auto* wish = FindHeader(request_, "Connection")) {
    if (Holds(*wish, "close"))
      keep_alive_ = false;
    else if (Holds(*wish, "keep-alive"))
      keep_alive_ = true;
  }
  const auto* const expect = FindHeader(request_, "Expect");
  invitation_ = expect != nullptr && Holds(*expect, "100-continue") && (chunked_ || left_ > 0) &&
                pending_.empty();
  return 0;
}

// True when the body is complete.
bool RequestParser::TakeBody() {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, pending_.size()));
  Keep(std::string_view(pending_).substr(0, size));
  pending_.erase(0, size);
  left_ -= size;
  return left_ == 0;
}

// The same for a body in chunks; false also when it is broken.
bool RequestParser::TakeChunks() {
  for (;;) {
    if (chunk_ == Chunk::kData) {
      if (!TakeBody()) return false;
      chunk_ = Chunk::kDataEnd;
    }
    const auto end = pending_.find('\n');
    if (std::min(end, pending_.size()) > kLargestHead) {
      Break(400);
      return false;
    }
    if (end == std::string::npos) return false;
    const std::string whole = pending_.substr(0, end);
    pending_.erase(0, end + 1);
    auto line = std::string_view(whole);
    if (line.ends_with('\r')) line.remove_suffix(1);
    switch (chunk_) {
      case Chunk::kSize: {
        const auto size = ParseSize(Trim(line.substr(0, line.find(';'))), 16);
        if (!size || *size > kLargestBody || received_ + *size > kLargestBody) {
          Break(size ? 413 : 400);
          return false;
        }
        left_ = *size;
        received_ += *size;
        chunk_ = *size == 0 ? Chunk::kTrailer : Chunk::kData;
        break;
      }
      case Chunk::kDataEnd:
        if (!line.empty()) {
          Break(400);
          return false;
        }
        chunk_ = Chunk::kSize;
        break;
      case Chunk::kTrailer:
        if (line.empty()) return true;
        break;
      case Chunk::kData:
        break;
    }
  }
}

void RequestParser::Keep(std::string_view bytes) {
  const auto room = kLargestBodyKept - std::min(kLargestBodyKept, request_.body.size());
  request_.body += bytes.substr(0, room);
}

void RequestParser::Break(int status) {
  state_ = State::kBroken;
  error_status_ = status;
  pending_.clear();
}

}  // namespace aliyun_ecs::simulator
