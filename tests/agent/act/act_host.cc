#include "tests/agent/act/act_host.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <sstream>

#include "agent/act/anchor.h"
#include "agent/act/hold.h"
#include "agent/act/process.h"
#include "agent/act/serve.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/manifest.h"

namespace fleetsweep::act {

namespace fs = std::filesystem;
using model::ActionKind;

namespace {

Timestamp now() {
  return timestamp(std::time(nullptr));
}

model::Action action(ActionKind kind, std::vector<std::uint16_t> detections) {
  model::Action result;
  result.kind = kind;
  result.select.push_back({model::Selector::Kind::kDetections, std::move(detections), {}});
  return result;
}

model::Policy a_policy() {
  model::Policy policy;
  policy.id = "policy--00000000-0000-4000-8000-000000000002";
  policy.title = "Harmless look-alike";
  policy.family = "lookalike";
  policy.platform = model::Platform::kLinux;
  model::Predicate hash;
  hash.field = model::Field::kFileSha256;
  hash.values.push_back({std::string(64, 'a'), 0, false});
  const auto detect = [&](const char* id, model::ObjectKind object) {
    model::Detection detection;
    detection.id = id;
    detection.object = object;
    detection.score = 50;
    policy.detections.push_back(detection);
  };
  detect("by_hash", model::ObjectKind::kFile);
  policy.detections[0].any_of = {{hash}};
  detect("by_name", model::ObjectKind::kFile);
  detect("by_process", model::ObjectKind::kProcess);
  detect("by_preload", model::ObjectKind::kPersistence);
  detect("by_cron", model::ObjectKind::kPersistence);
  detect("by_unit", model::ObjectKind::kPersistence);
  model::Verdict verdict;
  verdict.id = "confirmed";
  verdict.condition.detections = {kByHash, kByName, kByProcess, kByPreload, kByCron, kByUnit};
  verdict.confidence = 95;
  verdict.level = "critical";
  policy.verdicts.push_back(verdict);
  auto suspend = action(ActionKind::kSuspend, {kByProcess});
  suspend.tree = true;
  auto collect = action(ActionKind::kCollect, {kByProcess});
  collect.what = {"exe", "command_line", "environ", "maps"};
  policy.responses.push_back(
      {{0},
       90,
       {suspend, collect, action(ActionKind::kRemove, {kByPreload, kByCron, kByUnit}),
        action(ActionKind::kKill, {kByProcess}),
        action(ActionKind::kQuarantine, {kByHash, kByName})}});
  policy.limits.independent_min = 2;
  return policy;
}

// Of a transaction that a test left unfinished: the v1 freezer keeps even SIGKILL waiting.
void let_go(pid_t pid) {
  const auto mount = freezer_mount(read_text("/proc/self/mountinfo"));
  const auto group =
      mount ? group_in(read_text(fmt::format("/proc/{}/cgroup", pid)), mount->is_v2) : std::nullopt;
  if (!group || !group->starts_with("/fleetsweep-hold-")) return;
  std::istringstream held(read_text(mount->path + *group + "/cgroup.procs"));
  for (pid_t one = 0; held >> one;)
    std::ofstream(mount->path + "/cgroup.procs") << one << std::flush;
  ::rmdir((mount->path + *group).c_str());
}

}  // namespace

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t got = 0; (got = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, got);
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << output;
  return output;
}

std::optional<model::ReceiptItem> Answer::item(const std::string& path, ActionKind action) const {
  for (std::size_t i = 0; done && i < done->items.size(); ++i)
    if (done->paths[i] == path && done->items[i].action == action) return done->items[i];
  return std::nullopt;
}

std::string Answer::text() const {
  if (!done) return "killed";
  std::string text = fmt::format("{} {} {}\n", name(done->state), name(done->reason), done->detail);
  for (std::size_t i = 0; i < done->items.size(); ++i)
    text += fmt::format("  {} {}: {} {}\n", name(done->items[i].action), done->paths[i],
                        name(done->items[i].outcome), name(done->items[i].reason));
  return text;
}

ActHost::ActHost(const std::string& beneath)
    : policy(a_policy()),
      tenant([](model::Root& root) {
        root.issued = now() - fixture::kDay;
        root.expires = now() + 30 * fixture::kDay;
      }),
      folder_(beneath) {
  root_ = folder_ / "root";
  state_ = folder_ / "agent/act";
  fs::create_directories(root_);
  fs::create_directories(folder_ / "agent");
  mac_key.fill(42);
  EXPECT_TRUE(begin_anchor(state_, tenant.id(), 1));
}

namespace {

// Where act finds its state, its programs and their libraries beneath a root that is all it sees.
constexpr const char* kStateInside = "/var/lib/fleetsweep";
constexpr const char* kProgramsInside = "/opt/fleetsweep";

std::vector<std::pair<std::string, std::string>> mounts_of(const std::string& agent) {
  std::vector<std::pair<std::string, std::string>> mounts = {
      {"/proc", "/proc"}, {agent, kStateInside}, {FS_BINARY_DIR, kProgramsInside}};
  // The loader's folders, wherever this system keeps them.
  for (const char* folder : {"/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"})
    if (fs::exists(folder)) mounts.emplace_back(folder, folder);
  return mounts;
}

// In the child that becomes act.
void enter(const std::string& root, const std::string& agent) {
  bool is_in = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  for (const auto& [from, to] : mounts_of(agent))
    is_in = is_in &&
            ::mount(from.c_str(), (root + to).c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
  if (!is_in || ::chroot(root.c_str()) != 0 || ::chdir("/") != 0) ::_exit(126);
}

// So that it can be removed.
void make_mutable(const fs::directory_entry& entry) {
  std::error_code gone;
  const auto type = entry.symlink_status(gone).type();
  if (type != fs::file_type::regular && type != fs::file_type::directory) return;
  const UniqueFd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return;
  const int without = flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  if (without != flags) ::ioctl(file.get(), FS_IOC_SETFLAGS, &without);
}

}  // namespace

void ActHost::be_whole_host() {
  is_whole_host_ = true;
  for (const auto& [from, to] : mounts_of(folder_ / "agent")) fs::create_directories(root_ + to);
}

ActHost::~ActHost() {
  for (const pid_t pid : children_) {
    if (process_state(pid) == 'T') let_go(pid);
    ::kill(-pid, SIGKILL);  // its group: its children too
    ::waitpid(pid, nullptr, 0);
  }
  // Whom nobody waited for may still be at work here.
  std::error_code gone;
  fs::recursive_directory_iterator at(folder_.path(), gone);
  for (; !gone && at != fs::recursive_directory_iterator(); at.increment(gone)) make_mutable(*at);
}

pid_t ActHost::start(const std::string& path, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int ready[2];
  EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setpgid(0, 0);
    ::execv(at(path).c_str(), pointers.data());
    ::_exit(127);
  }
  // The pipe closes when the program runs.
  ::close(ready[1]);
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 0);
  ::close(ready[0]);
  children_.push_back(pid);
  return pid;
}

bool ActHost::is_alive(pid_t pid) const {
  return static_cast<bool>(process_stat(pid));
}

char ActHost::process_state(pid_t pid) const {
  const auto stat = process_stat(pid);
  if (!stat) return 0;
  const std::string group = read_text(fmt::format("/proc/{}/cgroup", stat->thread));
  return group.find("fleetsweep-hold-") != std::string::npos ? 'T' : stat->state;
}

model::Order ActHost::order() const {
  model::Order order = fixture::apply(policy, DocumentId{});
  order.schedule.not_before = now() - Seconds(60);
  order.schedule.not_after = order.schedule.not_before + fixture::kDay;
  order.dry_run_order.value[0] = 1;
  return order;
}

model::Order ActHost::undo_order(const DocumentId& of) const {
  model::Order order = fixture::undo(of);
  order.schedule.not_before = now() - Seconds(60);
  order.schedule.not_after = now() + fixture::kDay;
  return order;
}

std::vector<model::SealedFinding> ActHost::seal(const std::vector<model::Finding>& list) const {
  const Digest digest = crypto::sha256(fixture::policy_bytes(policy));
  std::vector<model::SealedFinding> sealed;
  for (const auto& finding : list) {
    const Bytes bytes = codec::encode(finding);
    sealed.push_back({bytes, crypto::mac(mac_key, {digest.view(), bytes})});
  }
  return sealed;
}

model::ActRequest ActHost::request(const model::Order& order,
                                   std::initializer_list<std::string> people) const {
  model::ActRequest request;
  request.order = tenant.sign(order, people);
  request.root_chain = {tenant.root_envelope()};
  if (order.mode == model::Mode::kApply) {
    request.policy = fixture::policy_bytes(policy);
    request.findings = seal(findings);
    request.dry_run = seal(dry_run);
    request.verdicts = {0};
  }
  request.scanned = 1000;
  fixture::Log log;
  log.append(tenant.root_envelope());
  log.append(request.order);
  request.checkpoint = log.note(now());
  return request;
}

model::ActRequest ActHost::undo_request(const model::ActRequest& of) const {
  return request(undo_order(fixture::id_of(of.order)), {"alice", "bob"});
}

Answer ActHost::run(const model::ActRequest& request, const std::string& fault) {
  return spawn({}, &request, fault);
}

Answer ActHost::run_racing(const model::ActRequest& request, const std::string& place,
                           const std::function<void()>& meanwhile) {
  return spawn({}, &request, "", place, meanwhile);
}

void ActHost::say(const model::LocalMessage& message) {
  ASSERT_NE(core_, nullptr);
  EXPECT_TRUE(core_->send(message));
}

Answer ActHost::run_locally(const DocumentId& order) {
  return spawn({"--local-undo", order.hex()}, nullptr, "");
}

namespace {

Answer answer_from(runtime::Pipe& pipe) {
  Answer answer;
  while (!answer.done) {
    auto received = pipe.receive(std::chrono::seconds(60));
    if (!received) {
      EXPECT_NE(received.error().code, Code::kUnavailable) << "no answer";
      break;
    }
    if (auto* step = std::get_if<model::ActStep>(&received->message)) answer.steps.push_back(*step);
    if (auto* done = std::get_if<model::ActDone>(&received->message)) answer.done = *done;
  }
  return answer;
}

}  // namespace

Answer ActHost::run_under(const std::string& proc, const model::ActRequest& request) {
  auto pair = runtime::Pipe::pair();
  EXPECT_TRUE(pair && pair->first.send(request));
  Firewall firewall = Firewall::open();
  Options options;
  options.root = root_;
  options.state = state_;
  options.firewall = &firewall;
  options.proc = proc;
  EXPECT_TRUE(serve(options, mac_key, pair->second));
  return answer_from(pair->first);
}

Answer ActHost::spawn(const std::vector<std::string>& more, const model::ActRequest* request,
                      const std::string& fault, const std::string& pause,
                      const std::function<void()>& meanwhile) {
  auto pair = runtime::Pipe::pair();
  EXPECT_TRUE(pair);
  auto& [ours, theirs] = *pair;
  int key[2];
  EXPECT_EQ(::pipe2(key, O_CLOEXEC), 0);
  EXPECT_EQ(::write(key[1], mac_key.data(), mac_key.size()), static_cast<ssize_t>(mac_key.size()));
  const bool is_disturbed = !fault.empty() || !pause.empty();
  const std::string binary =
      std::string(FS_BINARY_DIR) + (is_disturbed ? "/fleetsweep-act-faults" : "/fleetsweep-act");
  std::vector<std::string> words = {binary, "--root", root_, "--state", state_};
  if (is_whole_host_)
    words = {kProgramsInside + binary.substr(binary.rfind('/')), "--root", "/", "--state",
             std::string(kStateInside) + "/act"};
  words.insert(words.end(), more.begin(), more.end());
  if (!patience.empty()) words.insert(words.end(), {"--patience", patience});
  if (!prefix.empty() || !launcher.empty())
    words = {"/usr/bin/unshare", "-m", "/bin/sh", "-c",
             (prefix.empty() ? "true" : prefix) + " && exec " + launcher + " " + binary +
                 " --root " + root_ + " --state " + state_};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!fault.empty()) ::setenv("FLEETSWEEP_FAULT", fault.c_str(), 1);
    if (!pause.empty()) ::setenv("FLEETSWEEP_PAUSE", pause.c_str(), 1);
    ::setenv("STATE", state_.c_str(), 1);
    const int pipe = ::fcntl(theirs.fd(), F_DUPFD, 10), key_end = ::fcntl(key[0], F_DUPFD, 10);
    ::dup2(pipe, 3);
    ::dup2(key_end, 4);
    ::close(pipe);
    ::close(key_end);
    if (is_whole_host_) enter(root_, folder_ / "agent");
    if (tracer) {
      ::setpgid(0, 0);
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    }
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  (void)runtime::Pipe(std::move(theirs));
  ::close(key[0]);
  ::close(key[1]);

  if (request != nullptr) {
    EXPECT_TRUE(ours.send(*request));
  }
  if (tracer) tracer(pid);
  if (meanwhile) {
    int stopped = 0;
    EXPECT_EQ(::waitpid(pid, &stopped, WUNTRACED), pid);
    EXPECT_TRUE(WIFSTOPPED(stopped)) << pause << " was not reached";
    if (!WIFSTOPPED(stopped)) return {};
    core_ = &ours;
    meanwhile();
    core_ = nullptr;
    ::kill(pid, SIGCONT);
  }
  const Answer answer = answer_from(ours);
  if (tracer) return answer;
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(answer.done || (was_killed && !fault.empty())) << "status " << status;
  return answer;
}

std::string ActHost::manifest() const {
  return manifest_of(root_, Told::kAll);
}

std::string ActHost::contents() const {
  return manifest_of(root_, Told::kWithoutTimesAndAttributes);
}

}  // namespace fleetsweep::act
