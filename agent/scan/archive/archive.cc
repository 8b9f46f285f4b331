#include "agent/scan/archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <iconv.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

constexpr std::chrono::seconds kTimeMax{15};  // for one archive and all that lies in it
constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr std::size_t kPartBytes = 64 * 1024;

struct ReadFree {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, ReadFree>;

// Of one archive and all that lies in it.
class Deadline {
 public:
  explicit Deadline(const Now& now) : now_(now), end_(now() + kTimeMax) {}
  bool is_over() const { return now_() > end_; }

 private:
  const Now& now_;
  std::chrono::steady_clock::time_point end_;
};

// How libarchive asks for the bytes: also for those of a member that it skips, which may be many
// more once they are unpacked.
struct Stream {
  const ArchiveSource& source;
  const Deadline& deadline;
  std::uint64_t at = 0;
  std::vector<std::uint8_t> block = std::vector<std::uint8_t>(kBlockBytes);
  bool has_failed = false;

  static la_ssize_t read(archive* reader, void* self, const void** bytes) {
    auto& stream = *static_cast<Stream*>(self);
    const bool is_late = stream.deadline.is_over();
    const std::int64_t count = is_late ? -1 : stream.source.read(stream.block, stream.at);
    if (count < 0) {
      stream.has_failed = true;
      archive_set_error(reader, EIO, "cannot be read");
      return ARCHIVE_FATAL;
    }
    stream.at += static_cast<std::uint64_t>(count);
    *bytes = stream.block.data();
    return count;
  }
  static la_int64_t skip(archive*, void* self, la_int64_t count) {
    auto& stream = *static_cast<Stream*>(self);
    const std::uint64_t left = stream.source.size - std::min(stream.at, stream.source.size);
    const std::uint64_t skipped = std::min(static_cast<std::uint64_t>(count), left);
    stream.at += skipped;
    return static_cast<la_int64_t>(skipped);
  }
  static la_int64_t seek(archive*, void* self, la_int64_t offset, int whence) {
    auto& stream = *static_cast<Stream*>(self);
    const auto size = static_cast<la_int64_t>(stream.source.size);
    la_int64_t to = offset;
    if (whence == SEEK_CUR) to += static_cast<la_int64_t>(stream.at);
    if (whence == SEEK_END) to += size;
    if (to < 0 || to > size) return ARCHIVE_FATAL;
    stream.at = static_cast<std::uint64_t>(to);
    return to;
  }
};

// None of those that start another program.
void allow_formats(archive* reader) {
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_filter_compress(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_lzma(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_format_zip(reader);
  archive_read_support_format_tar(reader);
  archive_read_support_format_7zip(reader);
  archive_read_support_format_cpio(reader);
  archive_read_support_format_ar(reader);
  archive_read_support_format_iso9660(reader);
  archive_read_support_format_rar(reader);
  archive_read_support_format_rar5(reader);
  archive_read_support_format_raw(reader);
}

std::string without_extension(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

ArchiveSource source_of(BytesView bytes) {
  return {bytes.size(), [bytes](std::span<std::uint8_t> target, std::uint64_t offset) {
            if (offset >= bytes.size()) return std::int64_t{0};
            const BytesView part =
                bytes.subspan(offset, std::min(target.size(), bytes.size() - offset));
            std::copy(part.begin(), part.end(), target.begin());
            return static_cast<std::int64_t>(part.size());
          }};
}

// One archive with all that lies in it: they share what they may cost.
class Unpacking {
 public:
  Unpacking(std::uint64_t bytes_in, const Visit& visit, const Now& now)
      : bytes_in_(bytes_in), visit_(visit), deadline_(now) {}

  void open(const ArchiveSource& source, const std::string& name, const std::string& above,
            unsigned depth) {
    Stream stream{source, deadline_};
    const Reader reader(archive_read_new());
    if (!reader) return leave_out(above, "no memory for it");
    allow_formats(reader.get());
    archive_read_set_read_callback(reader.get(), Stream::read);
    archive_read_set_skip_callback(reader.get(), Stream::skip);
    archive_read_set_seek_callback(reader.get(), Stream::seek);
    archive_read_set_callback_data(reader.get(), &stream);
    // What is no archive after all is no trouble.
    if (archive_read_open1(reader.get()) != ARCHIVE_OK)
      return stream.has_failed ? trouble(reader.get(), above) : void();
    while (!result_.is_cut_off) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(reader.get(), &entry);
      if (status == ARCHIVE_EOF) return;
      if (status == ARCHIVE_RETRY) continue;
      if (status < ARCHIVE_WARN) return trouble(reader.get(), above);
      const bool is_raw = archive_format(reader.get()) == ARCHIVE_FORMAT_RAW;
      // Bytes that are neither packed nor an archive.
      if (is_raw && archive_filter_count(reader.get()) < 2) return;
      member(reader.get(), entry, above, is_raw ? without_extension(name) : path_of(entry), depth);
    }
  }

  Unpacked result() const { return result_; }

 private:
  static std::string path_of(archive_entry* entry) {
    const char* path = archive_entry_pathname(entry);
    if (path == nullptr) path = archive_entry_pathname_utf8(entry);
    std::string text = path == nullptr ? "?" : path;
    while (text.starts_with("./")) text.erase(0, 2);
    text.resize(std::min(text.size(), limits::kPathBytes));
    return text;
  }

  void member(archive* reader, archive_entry* entry, const std::string& above,
              const std::string& name, unsigned depth) {
    if (++members_ > limits::kArchiveMembers)
      return cut_off(above, fmt::format("more than {} members", limits::kArchiveMembers));
    // A raw stream has no type of its own.
    const auto type = archive_entry_filetype(entry);
    if (type != AE_IFREG && type != 0) return;
    // Of a tar its content was there before; a cpio gives it to the last name.
    if (archive_entry_hardlink(entry) != nullptr && archive_entry_size(entry) <= 0) return;
    Member found;
    found.path = above.empty() ? name : above + "/" + name;
    if (archive_entry_size_is_set(entry))
      found.size = static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)));
    if (archive_entry_is_data_encrypted(entry)) {
      leave_out(found.path, "encrypted");
      return visit_(found);
    }
    std::vector<std::uint8_t> content;
    found.is_complete = take(reader, found.path, content);
    if (found.is_complete) {
      found.content = content;
      found.size = content.size();
    }
    visit_(found);
    if (!found.is_complete || !may_be_archive(content)) return;
    if (depth + 1 >= limits::kArchiveDepth)
      return cut_off(found.path,
                     fmt::format("more than {} archives in each other", limits::kArchiveDepth));
    open(source_of(content), name.substr(name.rfind('/') + 1), found.path, depth + 1);
  }

  bool take(archive* reader, const std::string& path, std::vector<std::uint8_t>& content) {
    while (true) {
      const std::size_t have = content.size();
      content.resize(have + kPartBytes);
      const la_ssize_t count = archive_read_data(reader, content.data() + have, kPartBytes);
      if (count == ARCHIVE_RETRY) {
        content.resize(have);
        continue;
      }
      content.resize(have + (count > 0 ? static_cast<std::size_t>(count) : 0));
      if (count == 0) return true;
      if (count < 0) return trouble(reader, path), false;
      bytes_out_ += static_cast<std::uint64_t>(count);
      if (bytes_out_ > limits::kArchiveBytes)
        return cut_off(path, fmt::format("more than {} bytes unpacked", limits::kArchiveBytes)),
               false;
      if (bytes_out_ > limits::kArchiveRatioFrom && bytes_out_ / limits::kArchiveRatio > bytes_in_)
        return cut_off(path, fmt::format("more than {} bytes out of each", limits::kArchiveRatio)),
               false;
      if (deadline_.is_over()) return too_late(path), false;
      if (content.size() > limits::kArchiveMemberBytes) return too_large(path), false;
    }
  }

  void trouble(archive* reader, const std::string& path) {
    if (deadline_.is_over()) return too_late(path);
    const char* text = archive_error_string(reader);
    leave_out(path, text == nullptr ? "damaged" : text);
  }
  void too_late(const std::string& path) {
    cut_off(path, fmt::format("not unpacked within {} s", kTimeMax.count()));
  }
  // The archive goes on behind this member.
  void too_large(const std::string& path) {
    leave_out(path, fmt::format("larger than {} bytes", limits::kArchiveMemberBytes));
  }
  void cut_off(const std::string& path, const std::string& why) {
    leave_out(path, why);
    result_.is_cut_off = true;
  }
  void leave_out(const std::string& path, const std::string& why) {
    if (result_.left_out.empty()) result_.left_out = path.empty() ? why : path + ": " + why;
  }

  std::uint64_t bytes_in_;
  const Visit& visit_;
  Deadline deadline_;
  std::uint64_t bytes_out_ = 0;
  std::size_t members_ = 0;
  Unpacked result_;
};

}  // namespace

void prepare_archives() {
  // Names are then taken as they are, without asking for other character sets.
  ::setlocale(LC_CTYPE, "C.UTF-8");
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  // Of Windows archives. They stay open, so that glibc keeps what it has loaded for them.
  for (const char* from : {"UTF-16LE", "UTF-16BE", "UTF-8", "CP437"})
    static_cast<void>(::iconv_open("UTF-8", from));
}

bool may_be_archive(BytesView head) {
  using namespace std::string_view_literals;
  constexpr std::string_view kStarts[] = {"PK\x03\x04"sv,
                                          "PK\x05\x06"sv,
                                          "\x1f\x8b"sv,
                                          "BZh"sv,
                                          "\xfd\x37zXZ\0"sv,
                                          "\x28\xb5\x2f\xfd"sv,
                                          "7z\xbc\xaf\x27\x1c"sv,
                                          "Rar!\x1a\x07"sv,
                                          "!<arch>\n"sv,
                                          "070701"sv,
                                          "070702"sv,
                                          "070707"sv,
                                          "\xc7\x71"sv,
                                          "\x1f\x9d"sv,
                                          "\x5d\0\0"sv};
  const std::string_view text = as_text(head);
  if (std::any_of(std::begin(kStarts), std::end(kStarts),
                  [&](std::string_view start) { return text.starts_with(start); }))
    return true;
  constexpr std::size_t kTarMarkAt = 257;
  if (text.size() > kTarMarkAt && text.substr(kTarMarkAt).starts_with("ustar")) return true;
  return text.size() > kIsoMarkAt && is_iso_mark(head.subspan(kIsoMarkAt));
}

bool is_iso_mark(BytesView five) {
  return as_text(five).starts_with("CD001");
}

Unpacked unpack(const ArchiveSource& source, const std::string& name, const Visit& visit,
                const Now& now) {
  Unpacking unpacking(source.size, visit, now);
  unpacking.open(source, name, {}, 0);
  return unpacking.result();
}

}  // namespace fleetsweep::scan
