#include "tests/agent/act/faults_world.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include "agent/act/hold.h"
#include "agent/act/ledger.h"
#include "agent/act/process.h"
#include "agent/act/vault.h"
#include "agent/local/enrolment.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;

constexpr char kContent[] = "harmless content of a look-alike";
constexpr char kRunKey[] = "Software\\Microsoft\\Windows\\CurrentVersion\\Run";
constexpr char kRunCommand[] = "C:\\evil.exe";
constexpr char kServices[] = "ControlSet001\\Services\\";
constexpr char kTaskCache[] = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\";
constexpr char kTask[] = "/Windows/System32/Tasks/evil";

// Where the file system knows the flag.
void make_immutable(const ActHost& host, const char* path) {
  const int fd = ::open(host.at(path).c_str(), O_RDONLY | O_CLOEXEC);
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_IMMUTABLE_FL;
    ::ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  ::close(fd);
}

// A volume of Windows: one value, service and task starts the look-alike, another does not.
void make_windows(const ActHost& host) {
  const auto put = [&](const std::string& path, const Bytes& bytes) {
    fs::create_directories(fs::path(host.at(path)).parent_path());
    write_text(host.at(path), to_text(bytes));
  };
  hive::HiveBuilder system, software;
  for (const std::string name : {"evil", "good"}) {
    system.text(kServices + name, "ImagePath", "C:\\" + name + ".exe")
        .number(kServices + name, "Start", 2);
    software.text(std::string(kTaskCache) + "Tree\\" + name, "Id", "{" + name + "}")
        .text(std::string(kTaskCache) + "Tasks\\{" + name + "}", "Path", "\\" + name);
  }
  put("/Windows/System32/config/SYSTEM", system.build());
  put("/Windows/System32/config/SOFTWARE", software.build());
  put(kTask, to_bytes("<Task><Exec><Command>C:\\evil.exe</Command></Exec></Task>"));
  put("/Users/Ann/NTUSER.DAT", hive::HiveBuilder()
                                   .text(kRunKey, "good", "C:\\good.exe")
                                   .text(kRunKey, "evil", kRunCommand)
                                   .build());
}

void find_file(ActHost& host) {
  host.find_file(kByName, "/usr/lib/libevil.so");
}
// As its package installed it.
void find_owned(ActHost& host) {
  const std::string recorded = output_of("md5sum < " + host.at("/usr/lib/libevil.so"));
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/usr/lib/libevil.so\n");
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"),
             recorded.substr(0, 32) + "  usr/lib/libevil.so\n");
  find_file(host);
}
void find_cron(ActHost& host) {
  host.find_line(kByCron, model::PersistenceKind::kCron, "/etc/crontab",
                 "* * * * * root /tmp/evil");
}
void find_preload(ActHost& host) {
  host.find_line(kByPreload, model::PersistenceKind::kLdSoPreload, "/etc/ld.so.preload",
                 "/usr/lib/libevil.so", "/usr/lib/libevil.so");
}
void find_unit(ActHost& host) {
  host.find_unit("/etc/systemd/system/evil.service");
}
void find_setuid(ActHost& host) {
  host.find_unit("/opt/rights");
  std::get<model::PersistenceIdentity>(host.findings.back().identity).kind =
      model::PersistenceKind::kSetuidProgram;
}
void find_autostart(ActHost& host) {
  host.find_unit("/etc/xdg/autostart/evil.desktop");
  std::get<model::PersistenceIdentity>(host.findings.back().identity).kind =
      model::PersistenceKind::kXdgAutostart;
}
// The flag is set only now: nobody changes such a file.
void find_immutable(ActHost& host) {
  make_immutable(host, "/usr/lib/libevil.so");
  find_file(host);
}
void find_immutable_cron(ActHost& host) {
  make_immutable(host, "/etc/crontab");
  find_cron(host);
}
void find_immutable_setuid(ActHost& host) {
  make_immutable(host, "/opt/rights");
  find_setuid(host);
}
void find_value(ActHost& host) {
  host.find_file(kByName, "/Users/Ann/NTUSER.DAT");
  auto& identity = host.findings.back().identity;
  identity = model::RegistryIdentity{std::get<model::FileIdentity>(identity),
                                     std::string("HKEY_CURRENT_USER\\") + kRunKey, "evil", "REG_SZ",
                                     kRunCommand};
}
void find_entry(ActHost& host, model::PersistenceKind kind, const std::string& path,
                const std::string& name, const std::string& entry) {
  host.find_unit(path);
  auto& identity = std::get<model::PersistenceIdentity>(host.findings.back().identity);
  identity.kind = kind;
  identity.name = name;
  identity.entry = entry;
  identity.command = kRunCommand;
}
void find_windows_service(ActHost& host) {
  find_entry(host, model::PersistenceKind::kWindowsService, "/Windows/System32/config/SYSTEM",
             "evil", std::string("HKEY_LOCAL_MACHINE\\SYSTEM\\") + kServices + "evil");
}
void find_task(ActHost& host) {
  find_entry(host, model::PersistenceKind::kWindowsTask, kTask, "evil", "");
}
void find_process(ActHost& host) {
  host.find_process(host.start("/opt/worker"));
}

std::vector<pid_t> children_of(pid_t pid) {
  std::istringstream text(read_text(fmt::format("/proc/{0}/task/{0}/children", pid)));
  return {std::istream_iterator<pid_t>(text), {}};
}

// A shell and the program it waits for.
void find_tree(ActHost& host) {
  const pid_t parent = host.start("/opt/parent", {"-c", host.at("/opt/worker") + " 1000 & wait"});
  const auto has_child = [&] {
    const auto children = children_of(parent);
    std::error_code error;
    return !children.empty() && fs::read_symlink(fmt::format("/proc/{}/exe", children[0]), error) ==
                                    host.at("/opt/worker");
  };
  while (!has_child()) ::usleep(1000);
  host.find_process(parent);
}

// One of two processes of a program that is malware as a whole.
void find_program(ActHost& host) {
  host.start("/opt/worker");
  find_process(host);
  host.find_file(kByName, "/opt/worker");
}

void find_service(ActHost& host) {
  host.find_file(kByName, "/opt/worker");
}

// Just thawed it may still be on its way to sleep.
bool runs(char state) {
  return state != 0 && state != 'T';
}

std::string difference(const Answer& answer, const std::string& expected,
                       const std::string& found) {
  const auto lines = [](const std::string& text) {
    std::set<std::string> result;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) result.insert(line);
    return result;
  };
  std::string text = answer.text();
  const auto a = lines(expected), b = lines(found);
  for (const auto& line : a)
    if (!b.contains(line)) text += "  - " + line + "\n";
  for (const auto& line : b)
    if (!a.contains(line)) text += "  + " + line + "\n";
  return text;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> list = {
        {"quarantine", {ActionKind::kQuarantine}, {kByName}, find_file},
        {"remove a line", {ActionKind::kRemove}, {kByCron}, find_cron},
        {"remove the last line", {ActionKind::kRemove}, {kByPreload}, find_preload},
        {"quarantine what is immutable", {ActionKind::kQuarantine}, {kByName}, find_immutable},
        {"purge", {ActionKind::kPurge}, {kByName}, find_file},
        {"remove a value of a hive", {ActionKind::kRemove}, {kByName}, find_value},
        {"disable a service of Windows", {ActionKind::kDisable}, {kByUnit}, find_windows_service},
        {"remove a task of Windows", {ActionKind::kRemove}, {kByUnit}, find_task},
        {"remove a unit", {ActionKind::kRemove}, {kByUnit}, find_unit},
        {"disable a unit", {ActionKind::kDisable}, {kByUnit}, find_unit},
        {"disable a line", {ActionKind::kDisable}, {kByCron}, find_cron},
        {"disable a setting", {ActionKind::kDisable}, {kByUnit}, find_autostart},
        {"disable a program", {ActionKind::kDisable}, {kByUnit}, find_setuid},
        {"remove a line of an immutable file",
         {ActionKind::kRemove},
         {kByCron},
         find_immutable_cron},
        {"disable an immutable program", {ActionKind::kDisable}, {kByUnit}, find_immutable_setuid},
        {"suspend", {ActionKind::kSuspend}, {kByProcess}, find_process},
        {"block", {ActionKind::kBlock}, {kByName}, find_file},
        {"isolate", {ActionKind::kIsolate}, {kByName}, find_file},
    };
    const auto count = list.size();
    for (std::size_t i = 0; i < count; ++i) {
      list.push_back(list[i]);
      list.back().undo = true;
    }
    list.push_back(
        {"restart", {ActionKind::kQuarantine, ActionKind::kRestart}, {kByName}, find_service});
    list.push_back(list.back());
    list.back().undo = true;
    list.push_back({"collect", {ActionKind::kCollect}, {kByProcess}, find_process});
    list.push_back({"export a key", {ActionKind::kCollect}, {kByName}, find_value});
    list.push_back({"suspend and kill",
                    {ActionKind::kSuspend, ActionKind::kKill},
                    {kByProcess},
                    find_process});
    list.push_back({"suspend and kill a tree",
                    {ActionKind::kSuspend, ActionKind::kKill},
                    {kByProcess},
                    find_tree});
    list.push_back({"take a program from its processes",
                    {ActionKind::kSuspend, ActionKind::kKill, ActionKind::kQuarantine},
                    {kByProcess, kByName},
                    find_program});
    list.push_back({"suspend a tree", {ActionKind::kSuspend}, {kByProcess}, find_tree, true});
    list.push_back({"leave what a package owns", {ActionKind::kQuarantine}, {kByName}, find_owned});
    return list;
  }();
  return all;
}

std::string title(const Scenario& scenario) {
  return (scenario.undo ? "undo of " : "") + std::string(scenario.name);
}

World::World(const Scenario& scenario) : scenario_(scenario), host_(kBeneath) {
  write_text(host_.at("/usr/lib/libevil.so"), kContent);
  fs::create_hard_link(host_.at("/usr/lib/libevil.so"), host_.at("/usr/lib/libevil.so.1"));
  ::setxattr(host_.at("/usr/lib/libevil.so").c_str(), "user.note", "kept", 4, 0);
  write_text(host_.at("/usr/lib/libgood.so"), "the same folder, another file");
  write_text(host_.at("/etc/crontab"),
             "# jobs\n* * * * * root /tmp/evil\n5 * * * * root /usr/bin/true\n");
  fs::permissions(host_.at("/etc/crontab"), fs::perms(0640));
  ::setxattr(host_.at("/etc/crontab").c_str(), "user.note", "kept", 4, 0);
  write_text(host_.at("/etc/ld.so.preload"), "/usr/lib/libevil.so\n");
  write_text(host_.at("/etc/systemd/system/evil.service"), "[Service]\nExecStart=/tmp/evil\n");
  fs::create_directories(host_.at("/etc/systemd/system/multi-user.target.wants"));
  for (const char* unit : {"evil.service", "good.service"})
    fs::create_symlink(std::string("/etc/systemd/system/") + unit,
                       host_.at("/etc/systemd/system/multi-user.target.wants/") + unit);
  fs::create_directories(host_.at("/opt"));
  fs::copy_file("/bin/sleep", host_.at("/opt/worker"));
  fs::copy_file("/bin/sh", host_.at("/opt/parent"));
  write_text(host_.at("/opt/rights"), kContent);
  ::chmod(host_.at("/opt/rights").c_str(), 06755);
  write_text(host_.at("/etc/xdg/autostart/evil.desktop"),
             "[Desktop Entry]\nType=Application\nName=Evil\nExec=/tmp/evil\n");
  if (scenario.find == find_value || scenario.find == find_task ||
      scenario.find == find_windows_service) {
    make_windows(host_);
    host_.policy.platform = model::Platform::kWindows;
  }
  if (restarts()) begin_service();
  std::time_t time = 1'500'000'000;
  std::vector<std::string> paths = {host_.root()};
  for (const auto& entry : fs::recursive_directory_iterator(host_.root()))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const timespec times[2] = {{time += 1000, 1}, {time, 123456789}};
    ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }

  auto& actions = host_.policy.responses[0].actions;
  actions.clear();
  for (const auto kind : scenario.actions) {
    model::Action action;
    action.kind = kind;
    action.what = {"exe", "command_line", "reg_export"};
    const bool is_of_process = kind == ActionKind::kSuspend || kind == ActionKind::kKill;
    const auto& found = scenario.detections;
    action.select.push_back(
        {model::Selector::Kind::kDetections, {is_of_process ? found.front() : found.back()}, {}});
    action.tree = scenario.find == find_tree;
    action.ttl = std::chrono::hours(1);
    action.direction = "out";
    action.clear_flags = {"immutable"};
    if (kind == ActionKind::kRestart) {
      action.select[0].kind = model::Selector::Kind::kServicesMapping;
      action.allow = {service_->unit()};
    }
    if (kind == ActionKind::kBlock)
      action.select = {{model::Selector::Kind::kList, {}, {"192.0.2.66", "2001:db8::/32"}}};
    actions.push_back(action);
  }
  host_.policy.verdicts[0].condition.detections = scenario.detections;
  host_.policy.limits.independent_min = 0;
  scenario.find(host_);
  if (scenario.detections[0] == kByProcess) {
    for (const auto& process : running_processes(*Tree::open(host_.root())))
      workers_.push_back(process.process.pid);
    found_ = std::get<model::ProcessIdentity>(host_.findings[0].identity).pid;
  }
  host_.dry_run = host_.findings;
  agent::Enrolment enrolment;
  enrolment.address = "tcp://192.0.2.1:7600";
  enrolment.root_chain = {to_bytes("a root")};
  write_text(host_.state() + "/../enrolment", agent::enrolment_text(enrolment));
  before_ = seen();
  request_ = host_.request();
  applied_ = fixture::id_of(request_.order);
  if (scenario.undo) {
    expect(host_.run(request_).state() == cleaned(), "the cleaning before the undo");
    request_ = host_.undo_request(request_);
    if (purges()) before_ = seen();
  }
}

Trace World::run(const Fault& fault) {
  Trace trace;
  host_.tracer = [&](pid_t pid) { trace = act::trace(pid, fault); };
  Answer answer = host_.run(request_);
  host_.tracer = nullptr;
  if (fault.how == Fault::How::kNone) {
    expect(answer.state() == (scenario_.undo ? HostState::kUndone : cleaned()), answer.text());
    if (!scenario_.undo) check_apply(answer, fault);
    if (restarts()) expect(systemd_->asked().size() == 1, "not restarted, or twice");
    return trace;
  }
  if (!trace.was_hit) return trace;
  auto again = request_;
  again.resume = true;
  const Answer resumed = host_.run(again);
  // Nothing to resume: then the first answer holds, or nothing had begun.
  if (resumed.state() != HostState::kRefused || resumed.reason() != model::Reason::kNone)
    answer = resumed;
  scenario_.undo ? check_undo(answer) : check_apply(answer, fault);
  check_hold();
  return trace;
}

// What may change: the files, and the packet filter of the network that the worker lives in.
std::string World::seen() const {
  return host_.manifest() + (is_about_network() ? output_of("nft list tables") : "");
}

void World::begin_service() {
  host_.be_whole_host();
  service_.emplace();
  served_ = host_.start("/opt/worker");
  service_->take(served_);
  systemd_.emplace(host_.at("/run/systemd/private"), FakeManager::How::kDone,
                   std::vector<pid_t>{served_});
}

// A host is called clean when nothing of it is in its service's memory any more, or a person is
// told to restart that. An act that may not look at a memory knows of nothing in it.
void World::check_restart(const Answer& answer, const Fault& fault) {
  const bool is_clean = answer.state() == HostState::kCleaned;
  const bool is_blind = fault.how == Fault::How::kError;
  bool is_said = is_blind;
  for (std::size_t i = 0; answer.done && i < answer.done->items.size(); ++i) {
    const auto& item = answer.done->items[i];
    if (item.action != ActionKind::kRestart) continue;
    is_said = true;
    const bool is_done = item.outcome == Outcome::kDone;
    const bool is_named = item.outcome == Outcome::kFound &&
                          answer.done->paths[i].find("needs restart: ") != std::string::npos;
    const bool was_unseen = is_blind && item.reason == model::Reason::kGone;
    expect(!is_done || (!systemd_->asked().empty() && host_.process_state(served_) == 0),
           "said to be restarted, and it runs on\n" + answer.text());
    expect(!is_clean || is_done || is_named || was_unseen,
           "called clean, and the restart is forgotten\n" + answer.text());
  }
  expect(!is_clean || is_said, "called clean without a word on its service\n" + answer.text());
}

bool World::leaves() const {
  return scenario_.find == find_owned;
}

HostState World::cleaned() const {
  if (leaves()) return HostState::kRefused;
  const bool only_suspends = scenario_.actions == std::vector{ActionKind::kSuspend};
  return only_suspends ? HostState::kResidual : HostState::kCleaned;
}

// Each step is what the answer says it is.
void World::check_apply(const Answer& answer, const Fault& fault) {
  bool changed = true, frozen = false, killed = false, is_left = false;
  std::size_t changes = 0;
  expect(!answer.done || !answer.done->items.empty() || answer.state() != HostState::kCleaned,
         "a cleaning without a step");
  for (const auto& item : answer.done ? answer.done->items : std::vector<model::ReceiptItem>{}) {
    if (item.action == ActionKind::kRestart) continue;  // the files are gone all the same
    const bool is_done = item.outcome == Outcome::kDone;
    is_left =
        is_left || (item.outcome == Outcome::kSkipped && item.reason == model::Reason::kProtected);
    if (item.action == ActionKind::kSuspend) {
      frozen = is_done;
    } else if (item.action == ActionKind::kKill) {
      killed = is_done;
    } else {
      changed = changed && is_done;
      ++changes;
    }
  }
  if (restarts()) check_restart(answer, fault);
  for (const pid_t worker : workers_) {
    // A program that is left alone keeps its other processes.
    if (is_left && worker != found_) continue;
    const char state = host_.process_state(worker);
    expect(killed   ? state == 0
           : frozen ? state == 'T'
                    : runs(state),
           fmt::format("process is '{}' where {}\n{}", state == 0 ? '-' : state,
                       killed   ? "it was killed"
                       : frozen ? "it was frozen"
                                : "it runs",
                       answer.text()));
  }
  const std::string now = seen();
  if (purges()) check_nothing_is_kept();
  changed = changed && changes > 0;
  expect(!changed || !leaves(), "taken, and a package owns it: " + answer.text());
  if (changed && scenario_.actions.front() == ActionKind::kCollect) {
    expect(kept() > 0, "said to be collected, and nothing is in the vault\n" + answer.text());
    changed = false;
  }
  if (!changed) return expect(now == before_, difference(answer, before_, now));
  expect(now != before_, "said to be done, and nothing was\n" + answer.text());
  expect(now.find(".fs") == std::string::npos, "a temporary file is left\n" + now);
  const Answer undone = host_.run(host_.undo_request(request_));
  expect(undone.state() == HostState::kUndone, "undo after it: " + undone.text());
  const std::string back = seen();
  if (purges()) {
    check_gone(undone);
    return expect(back == now, difference(undone, now, back));
  }
  expect(back == before_, difference(undone, before_, back));
}

// And the undo says so.
void World::check_gone(const Answer& undone) {
  for (const char* name : {"/usr/lib/libevil.so", "/usr/lib/libevil.so.1"})
    expect(!fs::exists(host_.at(name)), "said to be purged, and there");
  check_nothing_is_kept();
  expect(undone.done && undone.done->items.size() == 1 &&
             undone.done->items[0].outcome == Outcome::kSkipped &&
             undone.done->items[0].reason == model::Reason::kExpired &&
             undone.done->detail.find("gone for good") != std::string::npos,
         "purged, and not said to be gone\n" + undone.text());
}

// What the vault holds and gives back.
std::size_t World::kept() {
  const auto vault = Vault::open(host_.state());
  expect(vault.has_value(), "the vault cannot be read");
  std::size_t kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(host_.state())) {
    const auto& path = entry.path();
    const auto transaction = Nonce::parse_hex(path.parent_path().filename().string());
    if (!vault || !transaction || path.extension() != ".fsq") continue;
    bool has_content = false;
    const auto loaded = vault->load(*transaction, path.stem(), [&](BytesView) -> Status {
      has_content = true;
      return {};
    });
    kept += loaded && has_content;
  }
  return kept;
}

// Neither in the vault nor anywhere else that act writes to.
void World::check_nothing_is_kept() {
  expect(kept() == 0, "there it is, sealed");
  for (const auto& entry : fs::recursive_directory_iterator(host_.state()))
    expect(!entry.is_regular_file() || read_text(entry.path()).find(kContent) == std::string::npos,
           "there it is: " + entry.path().string());
}

// A cgroup stays only as long as somebody is held in it.
void World::check_hold() {
  const auto mount = freezer_mount(read_text("/proc/self/mountinfo"));
  if (!mount || std::ranges::any_of(
                    workers_, [&](pid_t worker) { return host_.process_state(worker) == 'T'; }))
    return;
  const auto ledger = Ledger::open(host_.state() + "/journal");
  const auto vault = Vault::open(host_.state());
  expect(ledger.has_value() && vault.has_value(), "the journal or the vault cannot be read");
  if (!ledger || !vault) return;
  for (const auto& transaction : ledger->history())
    expect(!fs::exists(mount->path + "/fleetsweep-hold-" + vault->name_of(transaction.id)),
           "an empty cgroup is left");
}

void World::check_undo(const Answer& answer) {
  if (answer.state() != HostState::kUndone) {
    // It says so, and the next one goes on where it stood.
    const bool says_so = !answer.done || answer.state() == HostState::kFailed ||
                         answer.state() == HostState::kRefused;
    expect(says_so, "neither undone nor failed: " + answer.text());
    model::Order order = host_.undo_order(applied_);
    order.title = "once more";
    const Answer more = host_.run(host_.request(order, {"alice", "bob"}));
    expect(more.state() == HostState::kUndone, "undone once more: " + more.text());
    if (purges()) check_gone(more);
  } else if (purges()) {
    check_gone(answer);
  }
  for (const pid_t worker : workers_)
    expect(runs(host_.process_state(worker)), "a process is not continued");
  const std::string now = seen();
  expect(now == before_, difference(answer, before_, now));
}

}  // namespace fleetsweep::act
