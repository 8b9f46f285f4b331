#include "agent/driver/reading.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent/driver/reading_fault.h"
#include "protocol/base/assert.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::agent {

Result<std::unique_ptr<Reading>> Reading::open(const std::string& path, Store& store) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail(files::system_error(errno, "open " + path));
  Digest last;
  const ssize_t size = ::pread(file.get(), last.value.data(), Digest::kSize, 0);
  if (size < 0) return fail(files::system_error(errno, "read " + path));
  if (static_cast<std::size_t>(size) == Digest::kSize && !last.is_zero())
    FS_CHECK(store.died_reading(last));
  FS_TRY(auto deaths, store.deaths());
  std::unique_ptr<Reading> reading(new Reading(std::move(file), store, std::move(deaths)));
  reading->write(Digest{});
  return reading;
}

// A disk that takes nothing makes the counter blind, and stops the rest of the process soon enough.
void Reading::write(const Digest& document) {
  [[maybe_unused]] const ssize_t size =
      ::pwrite(file_.get(), document.value.data(), Digest::kSize, 0);
}

bool Reading::begin(const Digest& document) {
  FS_ASSERT(now_.is_zero());
  const auto died = deaths_.find(document);
  if (died != deaths_.end() && died->second >= trust::kPoisonTimes) return false;
  now_ = document;
  write(document);
  reading_fault(document);
  return true;
}

void Reading::end() {
  // An accident, then: it was something else that ended the process.
  if (deaths_.erase(now_) > 0) static_cast<void>(store_.survived(now_));
  now_ = {};
  write(now_);
}

}  // namespace fleetsweep::agent
