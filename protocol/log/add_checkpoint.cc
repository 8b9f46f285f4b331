#include "protocol/log/add_checkpoint.h"

#include <charconv>

#include "protocol/base/limits.h"

namespace fleetsweep::log {
namespace {

constexpr std::string_view kOld = "old ";

// The text before the next newline, which must be there; it and the newline go from `text`.
Result<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos)
    return fail(Code::kInvalid, "the request ends before its blank line");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string AddCheckpoint::text() const {
  std::string text = fmt::format("{}{}\n", kOld, old_size);
  for (const Digest& hash : proof) text += to_base64(hash.view()) + "\n";
  return text + "\n" + note;
}

Result<AddCheckpoint> AddCheckpoint::parse(std::string_view text) {
  if (text.size() > limits::kAddCheckpointBytes)
    return fail(Code::kInvalid, "a request of {} bytes: at most {} are allowed", text.size(),
                limits::kAddCheckpointBytes);
  AddCheckpoint request;
  FS_TRY(const std::string_view first, take_line(text));
  const std::string_view size = first.substr(std::min(kOld.size(), first.size()));
  const auto [end, error] =
      std::from_chars(size.data(), size.data() + size.size(), request.old_size);
  // Re-spelling it refuses leading zeros, signs and what follows the number.
  if (!first.starts_with(kOld) || error != std::errc() ||
      size != fmt::format("{}", request.old_size))
    return fail(Code::kInvalid, "the first line is '{}'; expected 'old' and a size",
                escaped(first.substr(0, 80)));
  for (;;) {
    FS_TRY(const std::string_view line, take_line(text));
    if (line.empty()) break;
    if (request.proof.size() == limits::kProofHashes)
      return fail(Code::kInvalid, "the proof has more than {} hashes", limits::kProofHashes);
    auto bytes = from_base64(line);
    auto hash = bytes ? Digest::from(*bytes) : Result<Digest>(fail(bytes.error()));
    if (!hash)
      return fail(
          hash.error().within(fmt::format("hash {} of the proof", request.proof.size() + 1)));
    request.proof.push_back(*hash);
  }
  request.note = text;
  return request;
}

}  // namespace fleetsweep::log
