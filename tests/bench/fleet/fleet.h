#pragma once

// Many hosts in one process, on one thread: epoll over their descriptors and one set of deadlines.

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "protocol/base/unique_fd.h"
#include "tests/bench/fleet/host.h"

namespace fleetsweep::bench {

// What one process tells about its hosts. Times are nanoseconds of CLOCK_REALTIME.
struct Progress {
  enum class Kind : std::uint32_t { kReady, kRound, kFailed } kind = Kind::kReady;
  std::uint32_t round = 0;       // kRound: so many orders are answered and acked
  std::int64_t first_begun = 0;  // kRound: the first host began it
  std::int64_t last_acked = 0;   // kRound: the last host heard that its receipt is durable
  std::int64_t cpu = 0;          // nanoseconds of this process since the last report
};

class Fleet {
 public:
  static Result<std::unique_ptr<Fleet>> create(const FleetOptions& options);

  // Until `stop` is readable. Tells when all are welcomed, and each time all have answered.
  Status run(int stop, const std::function<void(const Progress&)>& tell);

 private:
  explicit Fleet(FleetOptions options) : options_(std::move(options)) {}
  Status start_some();
  Status touch(std::size_t index, Status result);
  void watch(std::size_t index);
  void arm(std::size_t index);
  Status run_deadlines();
  int wait_ms() const;
  void account(std::size_t index);
  void report(Progress progress, const std::function<void(const Progress&)>& tell);

  FleetOptions options_;
  std::unique_ptr<net::Context> context_;
  UniqueFd epoll_;
  std::vector<std::unique_ptr<Host>> hosts_;  // last, so that they go before their context
  struct Seen {
    unsigned generation = 0;
    std::size_t begun = 0;
    std::size_t acked = 0;
    bool welcomed = false;
    std::optional<agent::Uptime> deadline;
  };
  std::vector<Seen> seen_;
  std::set<std::pair<agent::Uptime, std::size_t>> deadlines_;
  std::size_t enrolling_ = 0;
  std::size_t welcomed_ = 0;
  std::size_t rounds_ = 0;
  std::size_t acked_ = 0;  // of this round
  std::int64_t first_begun_ = 0;
  std::int64_t cpu_before_ = 0;
  bool is_ready_ = false;
};

std::int64_t realtime_ns();

}  // namespace fleetsweep::bench
