#include "controller/api/hub.h"

namespace fleetsweep::controller {

void Hub::changed(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    ++versions_[key];
  }
  woken_.notify_all();
}

std::uint64_t Hub::wait(const std::string& key, std::uint64_t seen, Duration patience) {
  std::unique_lock lock(mutex_);
  const auto version = [&] {
    const auto found = versions_.find(key);
    return found == versions_.end() ? 0 : found->second;
  };
  woken_.wait_for(lock, patience, [&] { return version() != seen; });
  return version();
}

}  // namespace fleetsweep::controller
