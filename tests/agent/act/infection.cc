// The look-alike of an infection, and what a scan finds of it.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "agent/act/files.h"
#include "agent/act/process.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCronLine = "*/5 * * * * root /tmp/kit/evil >/dev/null";
constexpr const char* kPreloadLine = "/usr/lib/libevil.so";
// user::rwx,user:1234:rwx,group::r-x,mask::rwx,other::r-x as linux/posix_acl_xattr.h has it.
constexpr const char* kDefaultAcl =
    "0x0200000001000700ffffffff02000700d204000004000500ffffffff10000700ffffffff20000500ffffffff";

model::FileIdentity identify(const std::string& root, const std::string& path) {
  struct stat status {};
  model::FileIdentity file;
  file.path = path;
  if (::stat((root + path).c_str(), &status) != 0) return file;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.size = static_cast<std::uint64_t>(status.st_size);
  file.mtime_ns = nanoseconds(status.st_mtim);
  file.ctime_ns = nanoseconds(status.st_ctim);
  file.links = static_cast<std::uint32_t>(status.st_nlink);
  const UniqueFd content(::open((root + path).c_str(), O_RDONLY | O_CLOEXEC));
  file.sha256 = digest_of(content.get(), file.size).value_or(Digest{});
  return file;
}

void touch(const std::string& path, std::time_t time) {
  const timespec times[2] = {{time, 1}, {time, 123456789}};
  EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
}

}  // namespace

void ActHost::infect() {
  write_text(at("/tmp/kit/evil"), "harmless content of a look-alike");
  fs::permissions(at("/tmp/kit/evil"), fs::perms(0755));
  if (::geteuid() == 0) {
    EXPECT_EQ(::chown(at("/tmp/kit/evil").c_str(), 2903, 798712), 0);
    output_of("setcap cap_net_raw+ep " + at("/tmp/kit/evil"));
  }
  write_text(at("/usr/lib/libevil.so"), std::string(200'000, '\0') + "library");
  fs::create_hard_link(at("/usr/lib/libevil.so"), at("/usr/lib/libevil.so.1"));
  write_text(at("/etc/ld.so.preload"), std::string(kPreloadLine) + "\n");
  write_text(at("/etc/crontab"),
             std::string("SHELL=/bin/sh\n# jobs\n17 * * * * root run-parts /etc/cron.hourly\n") +
                 kCronLine + "\n25 6 * * * root curl https://own.example/backup\n");
  fs::permissions(at("/etc/crontab"), fs::perms(0640));
  output_of("setfattr -n user.note -v kept " + at("/etc/crontab") + " || true");
  output_of("chattr +Ad " + at("/etc/crontab") + " " + at("/tmp/kit/evil") + " || true");
  write_text(at("/etc/systemd/system/evil.service"), "[Service]\nExecStart=/tmp/kit/evil\n");
  fs::create_directories(at("/etc/systemd/system/multi-user.target.wants"));
  fs::create_symlink("/etc/systemd/system/evil.service",
                     at("/etc/systemd/system/multi-user.target.wants/evil.service"));

  // Near-misses: like it, but not it.
  fs::create_directories(at("/srv/evil"));
  fs::create_symlink("/tmp/kit/evil", at("/srv/evil-link"));
  write_text(at("/srv/kit/evil"), "the same name with other content");
  write_text(at("/etc/systemd/system/evil2.service"), "[Service]\nExecStart=/usr/bin/true\n");
  fs::create_symlink("/etc/systemd/system/evil2.service",
                     at("/etc/systemd/system/multi-user.target.wants/evil2.service"));
  write_text(at("/etc/cron.d/own"), "5 5 * * * root curl https://own.example/kit/evil\n");

  fs::create_directories(at("/opt/kit"));
  fs::copy_file("/bin/sleep", at("/opt/kit/worker"));
  process_ = start("/opt/kit/worker");

  // Every new file here gets attributes and flags that the old ones do not have.
  output_of("find " + root_ + " -type d -exec setfattr -n system.posix_acl_default -v " +
            kDefaultAcl + " {} + || true");
  output_of("chattr +S " + at("/etc") + " " + at("/usr/lib") + " || true");

  // Old enough that a restored time cannot be an accident.
  std::time_t time = 1'500'000'000;
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(root_))
    paths.push_back(entry.path().string());
  for (const auto& path : paths) touch(path, time += 1000);
  scan();
  dry_run = findings;
}

void ActHost::scan() {
  findings.clear();
  find_file(kByHash, "/tmp/kit/evil");
  find_file(kByName, "/usr/lib/libevil.so");
  find_file(kByName, "/opt/kit/worker");
  find_process(process_);
  find_line(kByPreload, model::PersistenceKind::kLdSoPreload, "/etc/ld.so.preload", kPreloadLine,
            kPreloadLine);
  find_line(kByCron, model::PersistenceKind::kCron, "/etc/crontab", kCronLine);
  find_unit("/etc/systemd/system/evil.service");
}

void ActHost::come_back(const std::string& copy) {
  output_of("cp -a --remove-destination " + copy + "/. " + root_);
  process_ = start("/opt/kit/worker");
  scan();
}

void ActHost::find_file(std::uint16_t detection, const std::string& path) {
  findings.push_back({detection,
                      static_cast<std::uint32_t>(findings.size()),
                      model::Finding::kNoJoin,
                      identify(root_, path),
                      {}});
}

model::FileIdentity ActHost::program_of(pid_t pid) const {
  const std::string link = fmt::format("/proc/{}/exe", living_thread(pid));
  model::FileIdentity file = identify("", link);
  file.path = fs::is_symlink(link) ? fs::read_symlink(link).string() : "";
  if (const auto mark = file.path.find(" (deleted)"); mark != std::string::npos)
    file.path.resize(mark);
  if (file.path.starts_with(root_)) file.path.erase(0, root_.size());
  return file;
}

void ActHost::find_process(pid_t pid) {
  model::ProcessIdentity process;
  process.pid = pid;
  const auto stat = process_stat(pid);
  process.start_ticks = stat ? stat->start_ticks : 1;
  process.exe = program_of(pid);
  process.name = "worker";
  process.command_line = "sleep 1000";
  findings.push_back({kByProcess,
                      static_cast<std::uint32_t>(findings.size()),
                      model::Finding::kNoJoin,
                      process,
                      {}});
}

void ActHost::find_running_file(std::uint16_t detection, pid_t pid) {
  findings.push_back({detection,
                      static_cast<std::uint32_t>(findings.size()),
                      model::Finding::kNoJoin,
                      program_of(pid),
                      {}});
}

void ActHost::find_line(std::uint16_t detection, model::PersistenceKind kind,
                        const std::string& path, const std::string& line,
                        const std::string& command) {
  model::PersistenceIdentity entry;
  entry.command = command;
  entry.kind = kind;
  entry.file = identify(root_, path);
  entry.entry = line;
  entry.entry_sha256 = crypto::sha256(as_bytes(line));
  findings.push_back(
      {detection, static_cast<std::uint32_t>(findings.size()), model::Finding::kNoJoin, entry, {}});
}

void ActHost::find_unit(const std::string& path) {
  model::PersistenceIdentity entry;
  entry.kind = model::PersistenceKind::kSystemdUnit;
  entry.file = identify(root_, path);
  entry.name = path.substr(path.rfind('/') + 1);
  entry.entry_sha256 = entry.file.sha256;
  findings.push_back(
      {kByUnit, static_cast<std::uint32_t>(findings.size()), model::Finding::kNoJoin, entry, {}});
}

}  // namespace fleetsweep::act
