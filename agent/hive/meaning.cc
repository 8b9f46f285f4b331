#include "agent/hive/meaning.h"

#include <algorithm>

#include "agent/hive/text.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::hive {
namespace {

void add(crypto::BulkHash& hash, std::string_view text) {
  hash.update(as_bytes(text));
  const std::uint8_t end[] = {0};
  hash.update(end);
}

// With how long it is before it, for it lies in pieces.
void add_data(crypto::BulkHash& hash, const Hive& hive, const Value& value) {
  add(hash, std::to_string(value.size));
  hive.each_piece(value, [&](BytesView piece) {
    hash.update(piece);
    return true;
  });
}
void add_data(crypto::BulkHash& hash, BytesView data) {
  add(hash, std::to_string(data.size()));
  hash.update(data);
}

void add(crypto::BulkHash& hash, const Hive& hive, const Value& value) {
  add(hash, value.name);
  add(hash, std::to_string(value.type));
  add_data(hash, hive, value);
}

Digest finish(crypto::BulkHash& hash) {
  return *Digest::from(hash.finish());
}

}  // namespace

Digest meaning(const Hive& hive, const std::vector<Edit>& edits) {
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  const auto is_meant = [&](const std::string& path, std::string_view value, Edit::Kind kind) {
    return std::find_if(edits.begin(), edits.end(), [&](const Edit& edit) {
      return edit.kind == kind && is_equal(edit.key, path) && is_equal(edit.value_name, value);
    });
  };
  hive.walk(hive.root(), [&](Cell key, const std::string& path) {
    if (is_meant(path, "", Edit::Kind::kDeleteKey) != edits.end()) return Hive::Next::kSkip;
    const BytesView cell = hive.cell(key);
    if (cell.size() < nk::kBytes) return Hive::Next::kSkip;
    // All but the lists and counts: flags, time, security, class.
    add(hash, "key");
    add(hash, path);
    hash.update(cell.subspan(nk::kFlags, nk::kSubkeys - nk::kFlags));
    hash.update(cell.subspan(nk::kSecurity, 8));
    hive.each_value(key, [&](const Value& value) {
      if (is_meant(path, value.name, Edit::Kind::kDeleteValue) != edits.end()) return true;
      const auto set = is_meant(path, value.name, Edit::Kind::kSetNumber);
      const auto written = is_meant(path, value.name, Edit::Kind::kSetData);
      if (written == edits.end() && set == edits.end()) {
        add(hash, hive, value);
        return true;
      }
      add(hash, value.name);
      add(hash, std::to_string(value.type));
      if (written != edits.end())
        add_data(hash, written->data);
      else
        add_data(hash, Bytes{static_cast<std::uint8_t>(set->number),
                             static_cast<std::uint8_t>(set->number >> 8),
                             static_cast<std::uint8_t>(set->number >> 16),
                             static_cast<std::uint8_t>(set->number >> 24)});
      return true;
    });
    return Hive::Next::kGoOn;
  });
  return finish(hash);
}

Digest meaning_of_key(const Hive& hive, Cell key) {
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  hive.walk(key, [&](Cell at, const std::string& path) {
    const BytesView cell = hive.cell(at);
    if (cell.size() < nk::kBytes) return Hive::Next::kSkip;
    add(hash, "key");
    add(hash, path);
    add(hash, hive.name(at));
    // Flags, time and access; security and class by what they say, for they may lie elsewhere.
    hash.update(cell.subspan(nk::kFlags, nk::kParent - nk::kFlags));
    add(hash, to_hex(hive.security(at)));
    add(hash, to_hex(hive.class_name(at)));
    hive.each_value(at, [&](const Value& value) {
      add(hash, hive, value);
      return true;
    });
    return Hive::Next::kGoOn;
  });
  return finish(hash);
}

Digest meaning_of_value(const Hive& hive, const Value& value) {
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  add(hash, hive, value);
  return finish(hash);
}

}  // namespace fleetsweep::hive
