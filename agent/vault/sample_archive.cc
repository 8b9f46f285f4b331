#include "agent/vault/sample_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::agent {

struct SampleArchive::Writer {
  std::string path;
  UniqueFd file;
  archive* zip = nullptr;
  bool is_finished = false;

  Writer() = default;
  Writer(const Writer&) = delete;
  ~Writer() {
    archive_write_free(zip);
    if (!is_finished && file) ::unlink(path.c_str());
  }
  Status checked(int result) const {
    if (result == ARCHIVE_OK) return {};
    return fail(
        Code::kUnavailable, "{}: {}", path,
        archive_error_string(zip) == nullptr ? "cannot be written" : archive_error_string(zip));
  }
};

SampleArchive::SampleArchive(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
SampleArchive::SampleArchive(SampleArchive&&) noexcept = default;
SampleArchive::~SampleArchive() = default;

Result<SampleArchive> SampleArchive::create(const std::string& path,
                                            const std::string& passphrase) {
  auto writer = std::make_unique<Writer>();
  writer->path = path;
  writer->file =
      UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!writer->file)
    return fail(
        errno == EEXIST ? Code::kConflict : Code::kInvalid, "{}: {}", path,
        errno == EEXIST ? "is there already, and is not overwritten" : std::strerror(errno));
  writer->zip = archive_write_new();
  if (writer->zip == nullptr) return fail(Code::kOverloaded, "{}: no memory", path);
  FS_CHECK(writer->checked(archive_write_set_format_zip(writer->zip)));
  FS_CHECK(writer->checked(archive_write_set_options(writer->zip, "zip:encryption=aes256")));
  FS_CHECK(writer->checked(archive_write_set_passphrase(writer->zip, passphrase.c_str())));
  FS_CHECK(writer->checked(archive_write_open_fd(writer->zip, writer->file.get())));
  return SampleArchive(std::move(writer));
}

Status SampleArchive::begin(const std::string& name, std::uint64_t bytes) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0400);  // nothing in it may be executed by accident
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes));
  return writer_->checked(archive_write_header(writer_->zip, entry.get()));
}

Status SampleArchive::add(BytesView piece) {
  const auto put = archive_write_data(writer_->zip, piece.data(), piece.size());
  return writer_->checked(put == static_cast<la_ssize_t>(piece.size()) ? ARCHIVE_OK
                                                                       : ARCHIVE_FATAL);
}

Status SampleArchive::finish() {
  FS_CHECK(writer_->checked(archive_write_close(writer_->zip)));
  if (::fsync(writer_->file.get()) != 0)
    return fail(Code::kUnavailable, "{}: {}", writer_->path, std::strerror(errno));
  writer_->is_finished = true;
  return {};
}

}  // namespace fleetsweep::agent
