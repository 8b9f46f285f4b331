#include "agent/driver/host.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <charconv>

#include "agent/hive/volume.h"
#include "protocol/base/unique_fd.h"
#include "protocol/crypto/digest.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::agent {

namespace {

constexpr std::size_t kSmallFileBytes = 64 * 1024;

// First from beneath the root; a private root need not hold such files.
std::string read_text(const std::string& root, const std::string& path) {
  for (const std::string& candidate : {root + path, path}) {
    const auto content = files::read_file(candidate, kSmallFileBytes, files::Links::kFollow);
    if (content) return to_text(*content);
  }
  return {};
}

std::string first_line(std::string text) {
  text.resize(std::min(text.size(), text.find('\n')));
  return text;
}

// KEY=value or KEY="value" of os-release.
std::string value_of(const std::string& text, const std::string& key) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    if (!line.starts_with(key + "=")) continue;
    std::string_view value = line.substr(key.size() + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return std::string(value);
  }
  return {};
}

}  // namespace

Now read_now() {
  Now now;
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  now.uptime = std::chrono::duration_cast<Uptime>(std::chrono::seconds(time.tv_sec) +
                                                  std::chrono::nanoseconds(time.tv_nsec));
  now.clock.boottime = Seconds(time.tv_sec);
  ::clock_gettime(CLOCK_REALTIME, &time);
  now.clock.local = timestamp(time.tv_sec);
  tm local{};
  ::localtime_r(&time.tv_sec, &local);
  now.clock.utc_offset = Seconds(local.tm_gmtoff);
  timex adjust{};
  now.clock.synchronised = ::adjtimex(&adjust) >= 0 && (adjust.status & STA_UNSYNC) == 0;
  return now;
}

BootId read_boot_id() {
  std::string hex;
  for (const char c : read_text("", "/proc/sys/kernel/random/boot_id"))
    if (c != '-' && c != '\n') hex += c;
  return BootId::parse_hex(hex).value_or(BootId{});
}

model::Facts read_facts(const std::string& root, std::vector<std::string> labels) {
  model::Facts facts;
  utsname system{};
  ::uname(&system);
  facts.os = hive::holds_windows(root).value_or(false) ? "windows" : "linux";
  facts.kernel = system.release;
  facts.arch = system.machine;
  facts.hostname = first_line(read_text(root, "/etc/hostname"));
  if (facts.hostname.empty()) facts.hostname = system.nodename;
  const std::string release = read_text(root, "/etc/os-release");
  facts.os_id = value_of(release, "ID");
  facts.os_version = value_of(release, "VERSION_ID");
  facts.labels = std::move(labels);
  return facts;
}

Digest read_host_digest(const std::string& root) {
  std::string id = first_line(read_text(root, "/etc/machine-id"));
  // systemd leaves this word in an image whose first boot is to come.
  if (id.empty() || id == "uninitialized") id = read_facts(root, {}).hostname;
  return crypto::sha256(as_bytes(id));
}

Digest read_program_digest() {
  const UniqueFd fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_size <= 0) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return {};
  const Digest digest = crypto::sha256(BytesView(static_cast<const std::uint8_t*>(mapped), size));
  ::munmap(mapped, size);
  return digest;
}

Usage read_usage() {
  Usage usage;
  rusage times{};
  ::getrusage(RUSAGE_SELF, &times);
  const auto of = [](const timeval& time) {
    return std::chrono::duration_cast<Duration>(std::chrono::seconds(time.tv_sec) +
                                                std::chrono::microseconds(time.tv_usec));
  };
  usage.cpu = of(times.ru_utime) + of(times.ru_stime);
  // statm: total and resident, in pages.
  const std::string pages = read_text("", "/proc/self/statm");
  const std::size_t at = pages.find(' ');
  std::uint64_t resident = 0;
  if (at != std::string::npos)
    std::from_chars(pages.data() + at + 1, pages.data() + pages.size(), resident);
  usage.rss_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return usage;
}

}  // namespace fleetsweep::agent
