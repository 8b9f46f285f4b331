#include "policies/compiler/import/hash_file.h"

#include <algorithm>

#include "policies/compiler/hash_list.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::indicators {

std::optional<HashFile> hash_file(std::string_view text, std::string path) {
  constexpr std::pair<model::Field, std::size_t> kKinds[] = {
      {model::Field::kFileSha256, 32}, {model::Field::kFileSha1, 20}, {model::Field::kFileMd5, 16}};
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines <= limits::kImportIndicators && text.size() <= limits::kImportFileBytes)
    return std::nullopt;
  HashFile file{std::move(path), crypto::sha256(as_bytes(text)), {}};
  for (const auto& [field, hash_bytes] : kKinds) {
    compiler::Sink mistakes(file.path);
    const auto list = compiler::read_hash_list(text, file.path, hash_bytes, mistakes);
    if (mistakes.failed()) return std::nullopt;
    if (list.records.empty()) continue;
    const bool is_sized =
        std::none_of(list.records.begin(), list.records.end(),
                     [](const auto& one) { return one.size == hash_set::kAnySize; });
    file.kinds.push_back({field, list.records.size(), is_sized});
  }
  return file;
}

}  // namespace fleetsweep::indicators
