#pragma once

// What lies inside archives; the only user of libarchive. Formats: zip, tar, 7z, cpio, ar, iso9660,
// rar; packed with gzip, bzip2, xz, lzma, zstd or compress, also a single file packed so. Nothing
// is written, and no other program is started. Everything is bounded, by limits.h: the sizes that
// an archive claims are never believed.

#include <chrono>
#include <functional>
#include <span>
#include <string>

#include "protocol/base/bytes.h"

namespace fleetsweep::scan {

// What libarchive would look for when the process may no longer open anything: character sets, the
// time zone. Once, before confinement.
void prepare_archives();

// By its first bytes; some 300 are enough. An ISO image has none at its start: see kIsoMarkAt.
bool may_be_archive(BytesView head);
inline constexpr std::uint64_t kIsoMarkAt = 0x8001;
bool is_iso_mark(BytesView five);

// The bytes of an archive. Fills `target` from `offset`: as many as there are, and 0 behind the
// end; -1 on an error.
struct ArchiveSource {
  std::uint64_t size = 0;
  std::function<std::int64_t(std::span<std::uint8_t> target, std::uint64_t offset)> read;
};

struct Member {
  std::string path;   // inside the archive, with those around it: "inner.zip/dir/file"
  BytesView content;  // lives until the visit returns
  std::uint64_t size = 0;
  bool is_complete = false;  // otherwise only its path and, if the archive says so, size are known
};

// Whether, and why not, everything was looked at.
struct Unpacked {
  std::string left_out;     // empty: nothing. The first reason
  bool is_cut_off = false;  // by a limit; otherwise by a password or damage
};

// Regular files, in the order of the archive, those of archives in it behind the archive itself.
// `name` is the archive's own, from which a single packed file has its name.
using Visit = std::function<void(const Member&)>;
using Now = std::function<std::chrono::steady_clock::time_point()>;
Unpacked unpack(const ArchiveSource& source, const std::string& name, const Visit& visit,
                const Now& now = std::chrono::steady_clock::now);

}  // namespace fleetsweep::scan
