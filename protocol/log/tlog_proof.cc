#include "protocol/log/tlog_proof.h"

#include <algorithm>
#include <charconv>

#include "protocol/base/limits.h"

namespace fleetsweep::log {
namespace {

constexpr std::string_view kFirst = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

// The text before the next newline, which must be there; it and the newline go from `text`.
Result<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos)
    return fail(Code::kInvalid, "a tlog-proof ends before its checkpoint");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string TlogProof::text() const {
  std::string text = fmt::format("{}\n", kFirst);
  if (extra) text += fmt::format("{}{}\n", kExtra, to_base64(*extra));
  text += fmt::format("{}{}\n", kIndex, index);
  for (const Digest& hash : hashes) text += to_base64(hash.view()) + "\n";
  return fmt::format("{}\n{}", text, note);
}

Result<TlogProof> TlogProof::parse(std::string_view text) {
  if (text.size() > limits::kTlogProofBytes)
    return fail(Code::kInvalid, "a tlog-proof of {} bytes: at most {} are allowed", text.size(),
                limits::kTlogProofBytes);
  FS_TRY(std::string_view line, take_line(text));
  if (line != kFirst)
    return fail(Code::kInvalid, "'{}' where a tlog-proof begins with {}",
                escaped(line.substr(0, 80)), kFirst);
  TlogProof proof;
  FS_TRY(line, take_line(text));
  if (line.starts_with(kExtra)) {
    FS_TRY(proof.extra, from_base64(line.substr(kExtra.size())));
    FS_TRY(line, take_line(text));
  }
  const std::string_view index = line.substr(std::min(kIndex.size(), line.size()));
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), proof.index);
  if (!line.starts_with(kIndex) || error != std::errc() || index != fmt::format("{}", proof.index))
    return fail(Code::kInvalid, "'{}' where a tlog-proof has 'index' and a number",
                escaped(line.substr(0, 80)));
  for (;;) {
    FS_TRY(line, take_line(text));
    if (line.empty()) break;
    if (proof.hashes.size() == limits::kProofHashes)
      return fail(Code::kInvalid, "a tlog-proof has more than {} hashes", limits::kProofHashes);
    auto bytes = from_base64(line);
    auto hash = bytes ? Digest::from(*bytes) : Result<Digest>(fail(bytes.error()));
    if (!hash)
      return fail(
          hash.error().within(fmt::format("hash {} of the tlog-proof", proof.hashes.size() + 1)));
    proof.hashes.push_back(*hash);
  }
  proof.note = text;
  return proof;
}

}  // namespace fleetsweep::log
