// fleetsweep-sim: splits the hosts over processes (a process may open 20,000 descriptors here, a
// host takes four) and adds up what they tell.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>

#include "protocol/runtime/loop/signals.h"
#include "tests/bench/fleet/fleet.h"
#include "tests/bench/fleet/options.h"

namespace fleetsweep::bench {
namespace {

constexpr std::size_t kAgentsPerProcess = 2500;

int work(const FleetOptions& options, int out) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  const auto signals = loop::Signals::block();
  const auto tell = [out](const Progress& progress) {
    static_cast<void>(::write(out, &progress, sizeof progress));  // shorter than PIPE_BUF: whole
  };
  const Status status = [&]() -> Status {
    if (!signals) return fail(signals.error());
    FS_TRY(const auto fleet, Fleet::create(options));
    return fleet->run(signals->fd(), tell);
  }();
  if (status) return 0;
  std::fprintf(stderr, "fleetsweep-sim: %s\n", status.error().message.c_str());
  tell({.kind = Progress::Kind::kFailed});
  return 1;
}

struct Sum {
  std::size_t processes = 0;
  Progress progress;
};

void print(const SimOptions& options, const Progress& sum) {
  const double cpu_us =
      static_cast<double>(sum.cpu) / 1e3 / static_cast<double>(options.fleet.agents);
  const bool ready = sum.kind == Progress::Kind::kReady;
  if (options.json && ready)
    std::printf("{\"event\": \"ready\", \"agents\": %zu, \"cpu_us_per_agent\": %.1f}\n",
                options.fleet.agents, cpu_us);
  else if (options.json)
    std::printf(
        "{\"event\": \"answered\", \"round\": %u, \"first_begun_ns\": %lld, \"last_acked_ns\": "
        "%lld, \"cpu_us_per_agent\": %.1f}\n",
        sum.round, static_cast<long long>(sum.first_begun), static_cast<long long>(sum.last_acked),
        cpu_us);
  else if (ready)
    std::printf("all %zu hosts are enrolled and connected, %.0f us of CPU each\n",
                options.fleet.agents, cpu_us);
  else
    std::printf("order %u: answered by all %.0f ms after the first began, %.0f us of CPU each\n",
                sum.round, static_cast<double>(sum.last_acked - sum.first_begun) / 1e6, cpu_us);
  std::fflush(stdout);
}

// Until every worker is gone.
bool gather(const SimOptions& options, int in, std::size_t processes) {
  std::map<std::pair<Progress::Kind, std::uint32_t>, Sum> sums;
  Progress part;
  bool ok = true;
  while (::read(in, &part, sizeof part) == sizeof part) {
    if (part.kind == Progress::Kind::kFailed) ok = false;
    Sum& sum = sums[{part.kind, part.round}];
    Progress& total = sum.progress;
    const std::int64_t cpu = total.cpu + part.cpu;
    const std::int64_t begun =
        sum.processes == 0 ? part.first_begun : std::min(total.first_begun, part.first_begun);
    const std::int64_t acked = std::max(total.last_acked, part.last_acked);
    total = part;
    total.cpu = cpu;
    total.first_begun = begun;
    total.last_acked = acked;
    if (++sum.processes == processes && part.kind != Progress::Kind::kFailed) print(options, total);
  }
  return ok;
}

int run(const SimOptions& options) {
  int ends[2];
  if (::pipe(ends) != 0) return 1;
  const std::size_t processes = (options.fleet.agents + kAgentsPerProcess - 1) / kAgentsPerProcess;
  std::vector<pid_t> workers;
  for (std::size_t i = 0; i < processes; ++i) {
    FleetOptions share = options.fleet;
    share.first = i * kAgentsPerProcess;
    share.agents = std::min(kAgentsPerProcess, options.fleet.agents - share.first);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(ends[0]);
      std::_Exit(work(share, ends[1]));
    }
    if (pid > 0) workers.push_back(pid);
  }
  ::close(ends[1]);
  // The workers hear the end themselves or from the kernel when we go; we end when they did.
  std::signal(SIGINT, SIG_IGN);
  const bool ok = gather(options, ends[0], processes);
  for (const pid_t worker : workers) ::waitpid(worker, nullptr, 0);
  return ok && workers.size() == processes ? 0 : 1;
}

}  // namespace
}  // namespace fleetsweep::bench

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto options = fleetsweep::bench::parse_options(argc, argv, exit_code);
  return options ? fleetsweep::bench::run(*options) : exit_code;
}
