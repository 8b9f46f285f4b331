#pragma once

// What is known of the content of files that have not changed since it was read: their SHA-256, and
// which questions were answered with no. Pure; its memory is the bytes of its file, so that loading
// and saving copy nothing.
//
// Knowledge only ever spares a reading: what it cannot answer with no is read again.

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::scan {

// A file as statx(2) sees it. Equal: the same file with the same content at the same path, as far
// as a clock that nobody moved can tell (user space sets mtime, never ctime).
struct FileNow {
  std::uint64_t file_system = 0;  // f_fsid: survives a reboot where st_dev may not
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t born_ns = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  crypto::TableHash folder{};  // name_of_folder()
  std::string_view name;       // in it
};

// Changed so shortly before now, or in a future, or before its birth: it may change again under the
// same times.
bool is_unsettled(const FileNow& file, std::int64_t now_ns);

class IdentityTable {
 public:
  using Name = crypto::TableHash;  // of a FileNow, with this table's own key
  // A bit for each question: an id of question().
  using Questions = std::array<std::uint64_t, 2>;

  struct Known {
    Name name{};
    Digest sha256;  // zero: not known
    Questions no{};
    std::uint32_t seen = 0;  // the run that saw it last
    std::uint32_t unused = 0;
  };

  static crypto::TableKey new_key();
  explicit IdentityTable(const crypto::TableKey& key = new_key());  // empty
  // kInvalid: damaged, or of another version. Forgets what was not seen for long when it is full.
  static Result<IdentityTable> decode(Bytes bytes);
  // Counts as another run. The view is good until the next call.
  BytesView encode();

  const crypto::TableKey& key() const;
  // `aliases` are other paths of the same folder.
  static crypto::TableHash name_of_folder(const crypto::TableKey& key, std::string_view path,
                                          const std::vector<std::string>& aliases);
  static Name name_of(const crypto::TableKey& key, const FileNow& file);
  Name name_of(const FileNow& file) const { return name_of(key(), file); }
  // A question's bit, for this run; the least recently asked one makes room. Nothing: there are as
  // many questions in this run already.
  std::optional<unsigned> question(const Digest& question);

  // Null: nothing is known. Good until the next learn().
  const Known* find(const Name& name);
  // Adds to what is known.
  void learn(const Name& name, const Digest& sha256, const Questions& no);

  std::size_t size() const { return count_; }
  bool is_changed() const { return changed_; }

 private:
  struct Header;
  Header& header();
  const Header& header() const;
  std::span<Known> entries();
  void forget(std::uint32_t seen_before);
  void rebuild_index();
  std::uint32_t* slot(const Name& name);
  Known* entry(const Name& name);

  Bytes bytes_;  // header, then entries
  std::size_t count_ = 0;
  // A walk comes to files in the order in which it came to them before: the next one is asked
  // first, and the index is made when that fails.
  std::size_t next_ = 0;
  std::vector<std::uint32_t> index_;  // open addressing; entry + 1, 0: free
  std::vector<bool> asked_;           // bits that questions of this run hold
  bool changed_ = false;
};

inline bool has(const IdentityTable::Questions& questions, unsigned bit) {
  return (questions[bit / 64] >> (bit % 64) & 1) != 0;
}
inline void set(IdentityTable::Questions& questions, unsigned bit) {
  questions[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

}  // namespace fleetsweep::scan
