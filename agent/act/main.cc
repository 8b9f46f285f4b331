// fleetsweep-act --root DIR --state DIR [--local-undo ORDER] [--patience 10m]
// fd 3: the pipe to core; fd 4: the 32 bytes of the finding MAC key.

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "agent/act/serve.h"
#include "agent/act/vault.h"
#include "agent/hive/volume.h"
#include "protocol/base/version.h"
#include "protocol/runtime/sandbox/sandbox.h"
#include "protocol/runtime/sandbox/unpreloaded.h"

namespace fleetsweep::act {
namespace {

constexpr int kPipeFd = 3;
constexpr int kKeyFd = 4;
constexpr char kNoKey[] = "it is not for people: there is no key on fd 4";
enum Exit { kDone = 0, kUsage = 2, kBroken = 70 };

constexpr const char* kHelp =
    "usage: fleetsweep-act --root DIR --state DIR [--local-undo ORDER] [--patience 10m]\n"
    "       [--vault-quota BYTES]\n"
    "started by fleetsweep-agent with its pipe as fd 3 and its key as fd 4\n";

int usage(const char* why) {
  std::fprintf(stderr, "fleetsweep-act: %s\n%s", why, kHelp);
  return kUsage;
}

// No network but the packet filter that is open, and of root only what the actions need. SYS_ADMIN
// is for extended attributes: without it those of others (security.*) cannot be put back, nor
// trusted.* be seen. What else it is good for, mounts and namespaces and the kernel, the filter
// refuses.
Status give_up() {
  // Takes CAP_SYS_ADMIN; where that is missing the filter alone keeps the network away.
  (void)::unshare(CLONE_NEWNET);
  FS_CHECK(runtime::keep_capabilities({CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,
                                       CAP_FSETID, CAP_KILL, CAP_LINUX_IMMUTABLE, CAP_NET_ADMIN,
                                       CAP_SETFCAP, CAP_SYS_ADMIN, CAP_SYS_PTRACE}));
  FS_CHECK(runtime::no_new_privileges());
  return runtime::filter_system_calls(runtime::Profile::kActor);
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--help" || name == "-h") return std::fputs(kHelp, stdout), kDone;
    if (name == "--version")
      return std::printf("fleetsweep-act %s\n", std::string(kVersion).c_str()), kDone;
    if (i + 1 == count) return usage("an option without its value");
    const char* value = arguments[i + 1];
    if (name == "--root") {
      options.root = value;
    } else if (name == "--state") {
      options.state = value;
    } else if (name == "--local-undo") {
      if (*value == '\0') return usage("--local-undo takes an order's id");
      options.local_undo = value;
    } else if (name == "--patience") {
      const auto length = parse_seconds(value);
      if (!length) return usage("--patience takes a duration, such as 10m");
      options.patience = *length;
    } else if (name == "--vault-quota") {
      const auto bytes = parse_quota(value);
      if (!bytes) return usage("--vault-quota takes a number of bytes");
      options.vault_quota = *bytes;
    } else {
      return usage("an option that is not known");
    }
  }
  if (options.state.empty()) return usage("--state is missing");
  // Else what is opened from here on would have their numbers.
  if (::fcntl(kPipeFd, F_GETFD) < 0 || ::fcntl(kKeyFd, F_GETFD) < 0) return usage(kNoKey);

  // Before there is a key in this process: what reads a hive must never have had one.
  std::unique_ptr<HiveEditor> hives;
  const auto is_windows = hive::holds_windows(options.root);
  if (!is_windows) {
    std::fprintf(stderr, "fleetsweep-act: %s\n", is_windows.error().message.c_str());
    return kBroken;
  }
  if (*is_windows) {
    auto started = HiveEditor::start();
    if (!started) {
      std::fprintf(stderr, "fleetsweep-act: %s\n", started.error().message.c_str());
      return kBroken;
    }
    hives = std::move(*started);
    options.hives = hives.get();
  }
  // Likewise; what is in an image is found without its name too.
  std::unique_ptr<ImageNames> images;
  if (options.root == "/") {
    if (auto started = ImageNames::start())
      images = std::move(*started);
    else
      std::fprintf(stderr, "fleetsweep-act: %s\n", started.error().message.c_str());
    options.images = images.get();
  }

  crypto::MacKey key{};
  if (::read(kKeyFd, key.data(), key.size()) != static_cast<ssize_t>(key.size()))
    return usage(kNoKey);
  ::close(kKeyFd);
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);  // a core that went away must not stop what was begun

  Firewall firewall = Firewall::open();
  options.firewall = &firewall;
  // What lies beneath another root has at most a systemd of its own: a person tells it
  // (UnitReload).
  auto services = options.root == "/"
                      ? ServiceManager::open()
                      : refuse(Reason::kCapability, "only services of a whole host can be");
  if (services)
    options.services = &*services;
  else
    options.no_services = services.error().detail;
  if (options.root == "/") options.proc = "/proc";
  if (const auto gave = give_up(); !gave) {
    std::fprintf(stderr, "fleetsweep-act: %s\n", gave.error().message.c_str());
    return kBroken;
  }
  runtime::Pipe pipe{UniqueFd(kPipeFd)};
  const auto served = serve(options, key, pipe);
  if (served) return kDone;
  std::fprintf(stderr, "fleetsweep-act: %s\n", served.error().message.c_str());
  return kBroken;
}

}  // namespace
}  // namespace fleetsweep::act

int main(int count, char** arguments) {
  fleetsweep::runtime::start_unpreloaded(arguments);
  return fleetsweep::act::run(count, arguments);
}
