#pragma once

// One host with a private root, on which the real fleetsweep-act works: a harmless look-alike of an
// infection, a tenant that signs orders, and what scan and core would have sent.

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "protocol/crypto/seal.h"
#include "protocol/model/local.h"
#include "protocol/runtime/pipe/pipe.h"
#include "tests/agent/act/temp_dir.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::act {

// Detections of the policy, by what they find.
enum : std::uint16_t { kByHash, kByName, kByProcess, kByPreload, kByCron, kByUnit };

struct Answer {
  std::optional<model::ActDone> done;  // nothing: it was killed
  std::vector<model::ActStep> steps;

  model::HostState state() const { return done ? done->state : model::HostState::kUnreachable; }
  model::Reason reason() const { return done ? done->reason : model::Reason::kInternal; }
  // Of the item with this path and action.
  std::optional<model::ReceiptItem> item(const std::string& path, model::ActionKind action) const;
  std::string text() const;
};

class ActHost {
 public:
  explicit ActHost(const std::string& beneath = "/tmp");
  ~ActHost();

  // From here on act sees the root as its own, in a mount namespace with what its program needs: a
  // host whose systemd answers at root()/run/systemd/private. Needs root.
  void be_whole_host();

  const std::string& root() const { return root_; }
  const std::string& state() const { return state_; }
  std::string at(const std::string& path) const { return root_ + path; }

  // Files, a process, a cron line, a preload line, a unit; and near-misses of each.
  void infect();
  // A program that does nothing, started from this path of the root; killed with the host.
  pid_t start(const std::string& path, std::vector<std::string> arguments = {"1000"});
  bool is_alive(pid_t pid) const;
  // As in /proc/PID/stat; T also when it is held in a frozen cgroup; 0: gone.
  char process_state(pid_t pid) const;

  // What scan finds there now.
  void find_file(std::uint16_t detection, const std::string& path);
  void find_process(pid_t pid);
  void find_running_file(std::uint16_t detection,
                         pid_t pid);  // its program, also when it is deleted
  void find_line(std::uint16_t detection, model::PersistenceKind kind, const std::string& path,
                 const std::string& line, const std::string& command = "");
  void find_unit(const std::string& path);
  void scan();  // all of infect() again
  // What this copy of the root holds is back, in new files, its process runs again, and a scan
  // finds all of it.
  void come_back(const std::string& copy);
  std::vector<model::Finding> findings;
  std::vector<model::Finding> dry_run;

  model::Policy policy;
  fixture::Tenant tenant;
  model::Order order() const;  // an apply order, ready to sign
  model::Order undo_order(const DocumentId& order) const;
  // The order signed by all whom the highest class needs, with the findings as they are.
  model::ActRequest request() const { return request(order(), {"alice", "bob", "carol"}); }
  model::ActRequest request(const model::Order& order,
                            std::initializer_list<std::string> people) const;
  model::ActRequest undo_request(const model::ActRequest& of) const;

  Answer run(const model::ActRequest& request, const std::string& fault = "");
  // Stopped at this place until `meanwhile` has happened.
  Answer run_racing(const model::ActRequest& request, const std::string& place,
                    const std::function<void()>& meanwhile);
  // Only in `meanwhile`: what core says to the one that is running.
  void say(const model::LocalMessage& message);
  // In this process, as on a whole host whose kernel is seen in this folder. Stop no process.
  Answer run_under(const std::string& proc, const model::ActRequest& request);
  Answer run_locally(const DocumentId& order);
  // Runs act until it is gone, as its tracer: it has asked for that.
  std::function<void(pid_t)> tracer;
  // Through this shell prefix, with $STATE: to put it on another file system.
  std::string prefix;
  std::string patience;  // of its guardian
  std::string launcher;  // a program that starts it: strace

  std::string manifest() const;
  // Without modification times of what may change while cleaning: for comparing two cleanings.
  std::string contents() const;

  crypto::MacKey mac_key{};

 private:
  model::FileIdentity program_of(pid_t pid) const;
  std::vector<model::SealedFinding> seal(const std::vector<model::Finding>& findings) const;
  Answer spawn(const std::vector<std::string>& arguments, const model::ActRequest* request,
               const std::string& fault, const std::string& pause = "",
               const std::function<void()>& meanwhile = {});

  TempDir folder_;
  std::string root_, state_;
  bool is_whole_host_ = false;
  std::vector<pid_t> children_;
  pid_t process_ = 0;
  runtime::Pipe* core_ = nullptr;  // while something is running
};

std::string output_of(const std::string& command);

}  // namespace fleetsweep::act
