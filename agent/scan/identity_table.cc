#include "agent/scan/identity_table.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

constexpr char kMagic[8] = {'F', 'S', 'I', 'D', 'E', 'N', 'T', '3'};
constexpr std::uint32_t kRunsKept = 32;  // of a table that is more than half full
// Who has mapped a file to write to it changes it without a new ctime for as long as its page is
// dirty: some 35 seconds, of dirty_expire_centisecs and dirty_writeback_centisecs.
constexpr std::int64_t kSettledAfterNs = 60'000'000'000;

static_assert(limits::kKnownQuestions == 8 * sizeof(IdentityTable::Questions));
static_assert(sizeof(IdentityTable::Known) == 72);

// Against damage alone: the file is the agent's own. Some 2 ms for a full table, SHA-256 needs 20.
std::uint64_t checksum(BytesView bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace

struct IdentityTable::Header {
  char magic[8];
  std::uint64_t checksum;  // of everything after it
  crypto::TableKey key;
  std::uint32_t run;
  std::uint32_t count;
  struct Question {
    Digest digest;
    std::uint32_t asked;  // the run that asked it last
    std::uint32_t unused;
  } questions[limits::kKnownQuestions];
};

namespace {
constexpr std::size_t kChecked = sizeof kMagic + sizeof(std::uint64_t);
}

bool is_unsettled(const FileNow& file, std::int64_t now_ns) {
  return file.ctime_ns > now_ns - kSettledAfterNs || file.ctime_ns < file.born_ns;
}

IdentityTable::Header& IdentityTable::header() {
  return *reinterpret_cast<Header*>(bytes_.data());
}
const IdentityTable::Header& IdentityTable::header() const {
  return *reinterpret_cast<const Header*>(bytes_.data());
}

std::span<IdentityTable::Known> IdentityTable::entries() {
  return {reinterpret_cast<Known*>(bytes_.data() + sizeof(Header)), count_};
}

crypto::TableKey IdentityTable::new_key() {
  crypto::TableKey key{};
  crypto::random_bytes(key);
  return key;
}

IdentityTable::IdentityTable(const crypto::TableKey& key)
    : bytes_(sizeof(Header)), asked_(limits::kKnownQuestions) {
  static_assert(sizeof(Header) % alignof(Known) == 0);
  std::memcpy(header().magic, kMagic, sizeof kMagic);
  header().key = key;
  header().run = 1;
}

Result<IdentityTable> IdentityTable::decode(Bytes bytes) {
  if (bytes.size() < sizeof(Header))
    return fail(Code::kInvalid, "{} bytes, a table has at least {}", bytes.size(), sizeof(Header));
  IdentityTable table;
  table.bytes_ = std::move(bytes);
  const Header& header = table.header();
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    return fail(Code::kInvalid, "not a table of this version");
  if (header.count > limits::kKnownFiles)
    return fail(Code::kInvalid, "{} entries, a table has at most {}", header.count,
                limits::kKnownFiles);
  table.count_ = header.count;
  const std::size_t size = sizeof(Header) + table.count_ * sizeof(Known);
  if (table.bytes_.size() < size)
    return fail(Code::kInvalid, "cut: {} bytes of {}", table.bytes_.size(), size);
  table.bytes_.resize(size);  // a longer one lay here before
  if (checksum(BytesView(table.bytes_).subspan(kChecked)) != header.checksum)
    return fail(Code::kInvalid, "its checksum is wrong");
  if (table.count_ > limits::kKnownFiles / 2 && header.run > kRunsKept)
    table.forget(header.run - kRunsKept);
  return table;
}

BytesView IdentityTable::encode() {
  ++header().run;
  header().count = static_cast<std::uint32_t>(count_);
  header().checksum = checksum(BytesView(bytes_).subspan(kChecked));
  changed_ = false;
  return bytes_;
}

const crypto::TableKey& IdentityTable::key() const {
  return header().key;
}

crypto::TableHash IdentityTable::name_of_folder(const crypto::TableKey& key, std::string_view path,
                                                const std::vector<std::string>& aliases) {
  std::string all(path);
  for (const std::string& alias : aliases) all.append(1, '\0').append(alias);
  return crypto::table_hash(key, as_bytes(all));
}

IdentityTable::Name IdentityTable::name_of(const crypto::TableKey& key, const FileNow& file) {
  // One host, one byte order.
  const std::uint64_t numbers[] = {file.file_system,
                                   file.inode,
                                   file.size,
                                   static_cast<std::uint64_t>(file.born_ns),
                                   static_cast<std::uint64_t>(file.mtime_ns),
                                   static_cast<std::uint64_t>(file.ctime_ns)};
  thread_local std::string all;
  all.assign(reinterpret_cast<const char*>(numbers), sizeof numbers);
  all.append(reinterpret_cast<const char*>(file.folder.data()), file.folder.size());
  all.append(file.name);
  return crypto::table_hash(key, as_bytes(all));
}

std::optional<unsigned> IdentityTable::question(const Digest& question) {
  Header& head = header();
  unsigned oldest = limits::kKnownQuestions;
  for (unsigned bit = 0; bit < limits::kKnownQuestions; ++bit) {
    Header::Question& kept = head.questions[bit];
    if (kept.digest == question) {
      kept.asked = head.run;
      asked_[bit] = true;
      return bit;
    }
    if (!asked_[bit] &&
        (oldest == limits::kKnownQuestions || kept.asked < head.questions[oldest].asked))
      oldest = bit;
  }
  if (oldest == limits::kKnownQuestions) return std::nullopt;
  const bool was_used = !head.questions[oldest].digest.is_zero();
  head.questions[oldest] = {question, head.run, 0};
  asked_[oldest] = true;  // not kept before there is an answer to it
  if (was_used)
    for (Known& known : entries()) known.no[oldest / 64] &= ~(std::uint64_t{1} << (oldest % 64));
  return oldest;
}

// Names are evenly spread: their first bytes are the place.
std::uint32_t* IdentityTable::slot(const Name& name) {
  if (index_.empty()) rebuild_index();
  std::uint64_t place = 0;
  std::memcpy(&place, name.data(), sizeof place);
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = place & mask;; at = (at + 1) & mask)
    if (index_[at] == 0 || entries()[index_[at] - 1].name == name) return &index_[at];
}

void IdentityTable::rebuild_index() {
  std::size_t slots = 1024;
  while (slots < 2 * (count_ + 1)) slots *= 2;
  index_.assign(slots, 0);
  for (std::uint32_t i = 0; i < count_; ++i) *slot(entries()[i].name) = i + 1;
}

void IdentityTable::forget(std::uint32_t seen_before) {
  const auto all = entries();
  const auto kept = std::remove_if(all.begin(), all.end(),
                                   [&](const Known& known) { return known.seen < seen_before; });
  changed_ |= kept != all.end();
  count_ = static_cast<std::size_t>(kept - all.begin());
  bytes_.resize(sizeof(Header) + count_ * sizeof(Known));
}

IdentityTable::Known* IdentityTable::entry(const Name& name) {
  if (next_ >= count_ || entries()[next_].name != name) {
    const std::uint32_t place = *slot(name);
    if (place == 0) return nullptr;
    next_ = place - 1;
  }
  return &entries()[next_++];
}

const IdentityTable::Known* IdentityTable::find(const Name& name) {
  Known* known = entry(name);
  if (known != nullptr) known->seen = header().run;
  return known;
}

void IdentityTable::learn(const Name& name, const Digest& sha256, const Questions& no) {
  std::uint32_t* place = slot(name);
  if (*place == 0) {
    if (count_ == limits::kKnownFiles) return;
    if (2 * (count_ + 1) > index_.size()) {
      rebuild_index();
      place = slot(name);
    }
    bytes_.resize(bytes_.size() + sizeof(Known));
    *place = static_cast<std::uint32_t>(++count_);
    entries()[count_ - 1] = Known{.name = name};
  }
  Known& known = entries()[*place - 1];
  known.seen = header().run;
  if (!sha256.is_zero()) known.sha256 = sha256;
  for (std::size_t i = 0; i < no.size(); ++i) known.no[i] |= no[i];
  changed_ = true;
}

}  // namespace fleetsweep::scan
