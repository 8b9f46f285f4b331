#include "agent/scan/engine.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "agent/scan/file_pass.h"
#include "agent/scan/manners.h"
#include "agent/scan/process.h"
#include "agent/verdict/verdict.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using Clock = std::chrono::steady_clock;
using model::ObjectKind;
constexpr Duration kProgressEvery = std::chrono::seconds(1);
constexpr unsigned kLookAtClockEvery = 64;

// The same file with the same content.
using FileState =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;
FileState state_of(const model::FileIdentity& file) {
  return {file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns};
}

class Engine {
 public:
  Engine(const model::Policy& policy, const Root& root, const Matcher& matcher,
         const EngineOptions& options)
      : policy_(policy),
        root_(root),
        matcher_(matcher),
        options_(options),
        collector_(matcher),
        manners_(policy.limits),
        parser_(
            matcher, policy, options.parser,
            [this](const Job& job, Answer answer) { on_answer(job, std::move(answer)); },
            [this] { report(); }) {
    started_ = reported_ = Clock::now();
    if (policy.limits.timeout.count() > 0) deadline_ = started_ + policy.limits.timeout;
  }

  model::ScanDone run() {
    model::ScanDone done;
    const auto level = parser_.start();
    if (!level) {
      done.reason = level.error().code == Code::kInvalid ? model::Reason::kMalformed
                                                         : model::Reason::kSandbox;
      done.detail = level.error().message;
      return done;
    }
    done.sandbox = *level;
    if (options_.confine_walker)
      if (const auto confined = options_.confine_walker(looks_at_processes()); !confined) {
        done.reason = model::Reason::kSandbox;
        done.detail = confined.error().message;
        return done;
      }
    // After the parser was forked, which needs none of it.
    if (options_.table != nullptr) open_table();
    if (const auto looked = look(); !looked) {
      done.reason = model::Reason::kIo;
      done.detail = looked.error().message;
      return done;
    }
    if (table_ && table_->is_changed())
      if (const auto saved = options_.table->save(*table_); !saved) complain(saved.error());
    if (timed_out_) {
      done.reason = model::Reason::kTimeout;
      done.detail = fmt::format("not done after {} s", policy_.limits.timeout.count());
    } else if (parser_.is_exhausted()) {
      done.reason = model::Reason::kInternal;
      done.detail =
          fmt::format("the parser died {} times of what it read: {}", ParserClient::kRestartsMax,
                      tally_.unscannable_paths.empty() ? std::string("see its log")
                                                       : tally_.unscannable_paths.front());
    } else if (collector_.is_full()) {
      done.reason = model::Reason::kLimit;
      done.detail =
          fmt::format("{} findings or more: the policy matches too much", limits::kFindings);
    }
    done.result.findings = collector_.findings();
    const auto verdicts = judge(policy_, done.result.findings);
    if (!verdicts && done.reason == model::Reason::kNone) {
      done.reason = model::Reason::kLimit;
      done.detail = verdicts.error().message;
    }
    if (done.reason != model::Reason::kNone) {
      done.result = {};
      return done;
    }
    for (const TrueVerdict& verdict : *verdicts) done.result.verdicts.push_back(verdict.verdict);
    done.result.scanned = tally_.scanned;
    done.result.scanned_bytes = tally_.scanned_bytes;
    done.result.unscannable = tally_.unscannable;
    done.result.unscannable_paths = tally_.unscannable_paths;
    done.result.partial = tally_.partial;
    done.result.partial_paths = tally_.partial_paths;
    return done;
  }

  SweepCounts counts() const { return {tally_.opened, tally_.recalled}; }

 private:
  // Without what was known everything is read: dearer, never wrong.
  void open_table() {
    auto loaded = options_.table->load();
    if (!loaded && loaded.error().code != Code::kNotFound) complain(loaded.error());
    table_ = loaded ? std::move(*loaded) : IdentityTable();
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    known_.emplace(*table_, matcher_, policy_, std::chrono::nanoseconds(now).count());
  }

  static void complain(const Error& error) {
    std::fprintf(stderr, "fleetsweep-scan: known files: %s\n", error.message.c_str());
  }

  bool wants(ObjectKind kind) const {
    return std::any_of(policy_.detections.begin(), policy_.detections.end(),
                       [kind](const model::Detection& d) { return d.object == kind; });
  }

  bool wants_running_files() const {
    return std::any_of(policy_.detections.begin(), policy_.detections.end(),
                       [](const auto& d) { return d.scope.deleted_exe || d.scope.memfd; });
  }
  bool looks_at_processes() const {
    return wants(ObjectKind::kProcess) || wants(ObjectKind::kNetworkTraffic) ||
           wants_running_files();
  }

  Status look() {
    bool owned = false;
    for (std::uint16_t d = 0; d < matcher_.detections(); ++d)
      owned |= matcher_.needs(d).package_owned;
    if (owned) {
      FS_TRY(packages_, PackageDb::open(root_.path()));
    }
    if (looks_at_processes()) look_at_processes();
    if (wants(ObjectKind::kNetworkTraffic)) {
      for (ConnectionFacts& facts : list_connections(root_, processes_))
        connections_.emplace_back(std::move(facts));
    }

    FilePass files(
        root_, matcher_, packages_, parser_, collector_, tally_, known_ ? &*known_ : nullptr,
        [this] { return is_stopped(); }, [this](Job& job) { complete(job); });
    files_ = &files;
    std::vector<Probe> probes, others;
    for (std::uint16_t d = 0; d < matcher_.detections(); ++d)
      if (matcher_.detection(d).for_each < 0)
        (matcher_.detection(d).object == ObjectKind::kFile ? probes : others).push_back({d});
    if (wants_running_files()) look_at_running_files(probes);
    // Only now: a program that runs though it was deleted is not the file at its path.
    if (wants(ObjectKind::kPersistence)) list_persistence();
    // Files first: what the walk reads is not opened again for its process or its entries.
    for (const Probe& probe : others) find_candidates(probe);
    if (!probes.empty()) files.run(std::move(probes));
    read_persistence();
    for (const Probe& probe : others) ask_all(probe);
    // In the order of the policy: what a detection is joined to stands before it.
    for (std::uint16_t d = 0; d < matcher_.detections() && !is_stopped(); ++d) {
      if (matcher_.detection(d).for_each < 0 || matcher_.is_about_parent(d)) continue;
      const auto parent = static_cast<std::uint16_t>(matcher_.detection(d).for_each);
      std::vector<Probe> joined;
      for (const std::uint32_t finding : collector_.findings_of(parent))
        joined.push_back({d, finding, collector_.binding(finding)});
      if (joined.empty()) continue;
      if (matcher_.detection(d).object == ObjectKind::kFile)
        files.run(std::move(joined));
      else
        for (const Probe& probe : joined) ask_all(probe);
    }
    files_ = nullptr;
    return {};
  }

  void look_at_processes() {
    processes_ = list_processes(root_);
    for (ProcessFacts& process : processes_) {
      ++tally_.scanned;
      if (!process.identity.exe.path.empty())
        process.exe_package_owned = packages_.owner(process.identity.exe.path).has_value();
      programs_[state_of(process.identity.exe)];
    }
  }

  void find_candidates(const Probe& probe) {
    if (matcher_.detection(probe.detection).object != ObjectKind::kProcess) return;
    for (const ProcessFacts& process : processes_)
      if (matcher_.match(probe.detection, Object(process), probe.binding) != Truth::kNo)
        programs_[state_of(process.identity.exe)].is_wanted = true;
  }

  void list_persistence() {
    for (const PersistencePlace& place : persistence_places(root_)) {
      if (!place.is_folder) {
        persistence_files_.emplace(place.path, place);
        continue;
      }
      // Files of the folder, and the drop-ins of its units.
      const std::size_t depth = place.format == Format::kUnit ? 2 : 1;
      struct Files : WalkVisitor {
        std::vector<std::string> paths;
        std::string top;
        std::size_t depth;
        Tally* tally;
        bool enter(const std::string& folder, const struct stat&) override {
          return folder == top || (depth == 2 && folder.ends_with(".d") &&
                                   folder.find('/', top.size() + 1) == std::string::npos);
        }
        void file(int, const std::string& path, const char*) override { paths.push_back(path); }
        void unreadable(const std::string& path, const std::string& reason) override {
          tally->add_unscannable(path, reason);
        }
        bool is_stopped() override { return false; }
      } files;
      files.top = place.path;
      files.depth = depth;
      files.tally = &tally_;
      walk(root_, {place.path}, files);
      for (const std::string& path : files.paths)
        if (path.ends_with(place.suffix)) persistence_files_.emplace(path, place);
    }
  }

  // The walk reads this file: what others ask of it comes along.
  void complete(Job& job) {
    const auto program = programs_.find(state_of(job.facts.identity));
    job.hash = program != programs_.end() && program->second.is_wanted;
    const auto found = persistence_files_.find(job.facts.identity.path);
    if (found == persistence_files_.end()) return;
    ask_for_entries(job, found->second);
    persistence_files_.erase(found);
  }

  static void ask_for_entries(Job& job, const PersistencePlace& place) {
    job.entries = true;
    job.place = place.kind;
    job.format = place.format;
    job.user = place.user;
  }

  // Those that no walk has read.
  void read_persistence() {
    for (const auto& [path, place] : std::exchange(persistence_files_, {}))
      open_persistence(place, path);
    parser_.finish();
  }

  void open_persistence(const PersistencePlace& place, const std::string& path) {
    UniqueFd file = root_.open_file(path);
    if (!file) {
      if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
        tally_.add_unscannable(path, std::strerror(errno));
      return;
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    Job job;
    job.id = ++last_id_;
    job.facts.identity = identity_of(path, status);
    ask_for_entries(job, place);
    parser_.submit(std::move(job), std::move(file));
  }

  // Programs whose file is gone, or never was one.
  void look_at_running_files(const std::vector<Probe>& all) {
    std::set<FileState> seen;  // several processes may run one program
    for (const ProcessFacts& process : processes_) {
      const bool memfd = process.identity.exe.path.starts_with("/memfd:");
      if (!process.identity.exe_deleted || !seen.insert(state_of(process.identity.exe)).second)
        continue;
      std::vector<Probe> probes;
      for (const Probe& probe : all) {
        const model::FileScope& scope = matcher_.detection(probe.detection).scope;
        if (memfd ? scope.memfd : scope.deleted_exe) probes.push_back(probe);
      }
      struct stat status {};
      UniqueFd file = probes.empty() ? UniqueFd() : open_exe(process, status);
      if (!file) continue;
      FileFacts facts;
      facts.identity = process.identity.exe;
      facts.stage = FileStage::kStat;
      facts.mtime_delta_ms = 0;
      facts.package_owned = false;
      files_->submit(std::move(facts), std::move(file), status, std::move(probes));
    }
    parser_.finish();
  }

  // The program's own bytes, whatever stands at its path by now.
  static UniqueFd open_exe(const ProcessFacts& process, struct stat& status) {
    const std::string path = "/proc/" + std::to_string(process.identity.pid) + "/exe";
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_ino != process.identity.exe.inode)
      return {};
    return file;
  }

  // Every object of the kind, except files.
  void ask_all(const Probe& probe) {
    const auto ask = [&](const Object& object) {
      if (matcher_.match(probe.detection, object, probe.binding) == Truth::kYes)
        collector_.record(probe.detection, object, probe.joined);
    };
    switch (matcher_.detection(probe.detection).object) {
      case ObjectKind::kProcess:
        for (ProcessFacts& process : processes_) {
          if (is_stopped()) return;
          if (matcher_.match(probe.detection, Object(process), probe.binding) == Truth::kNo)
            continue;
          // Its identity is the program's content.
          hash_exe(process);
          ask(Object(process));
        }
        break;
      case ObjectKind::kPersistence:
        for (const Object& object : persistence_) ask(object);
        break;
      case ObjectKind::kNetworkTraffic:
        for (const Object& object : connections_) ask(object);
        break;
      default:
        break;
    }
  }

  void hash_exe(ProcessFacts& process) {
    if (process.identity.exe.path.empty() || !process.exe_sha256.empty()) return;
    const Program& program = programs_[state_of(process.identity.exe)];
    if (!program.sha256) {
      struct stat status {};
      UniqueFd file = open_exe(process, status);
      if (!file) return;
      Job job;
      job.id = ++last_id_;
      job.hash = true;
      job.facts.identity = process.identity.exe;
      parser_.submit(std::move(job), std::move(file));
      parser_.finish();
    }
    if (!program.sha256) return;
    process.exe_sha256 = program.sha256->hex();
    process.identity.exe.sha256 = *program.sha256;
  }

  void on_answer(const Job& job, Answer answer) {
    operations_ += answer.operations;
    keep_pace();
    const auto program = programs_.find(state_of(job.facts.identity));
    const auto sha256 = Digest::parse_hex(answer.sha256);
    if (program != programs_.end() && sha256 && !is_unread(answer))
      program->second.sha256 = *sha256;
    const bool is_of_walk = !job.wanted.empty();
    if (is_of_walk)
      files_->on_answer(job, answer);
    else
      tally_.scanned_bytes += answer.bytes;
    if (job.entries && answer.entries_read) return take_entries(job, answer);
    // What the walk could not read it has counted itself.
    if (is_unread(answer) ? !is_of_walk : job.entries)
      tally_.add_unscannable(job.facts.identity.path, answer.detail);
  }

  void take_entries(const Job& job, Answer& answer) {
    const auto sha256 = Digest::parse_hex(answer.sha256);
    for (PersistenceEntry& entry : answer.entries) {
      ++tally_.scanned;
      model::PersistenceIdentity identity;
      identity.kind = job.place;
      identity.file = job.facts.identity;
      if (sha256) identity.file.sha256 = *sha256;
      identity.entry_sha256 =
          entry.entry.empty() ? identity.file.sha256 : crypto::sha256(as_bytes(entry.entry));
      identity.name = std::move(entry.name);
      identity.entry = std::move(entry.entry);
      identity.command = std::move(entry.command);
      persistence_.emplace_back(PersistenceFacts{std::move(identity)});
    }
  }

  bool is_stopped() {
    if (++asked_ % kLookAtClockEvery == 0) keep_pace();
    return timed_out_ || collector_.is_full() || parser_.is_exhausted();
  }

  void keep_pace() {
    report();
    manners_.keep(parser_.parser_pid(), operations_, [this] {
      report();
      return timed_out_;
    });
  }

  void report() {
    const auto now = Clock::now();
    timed_out_ |= deadline_ && now > *deadline_;
    if (!options_.on_progress || now - reported_ < kProgressEvery) return;
    reported_ = now;
    options_.on_progress({tally_.scanned, tally_.scanned_bytes,
                          static_cast<std::uint32_t>(collector_.findings().size())});
  }

  const model::Policy& policy_;
  const Root& root_;
  const Matcher& matcher_;
  const EngineOptions& options_;
  Collector collector_;
  Manners manners_;
  ParserClient parser_;
  PackageDb packages_;
  Tally tally_;
  std::optional<IdentityTable> table_;
  std::optional<KnownFiles> known_;  // of the table
  FilePass* files_ = nullptr;
  std::vector<ProcessFacts> processes_;
  std::vector<Object> connections_, persistence_;
  std::multimap<std::string, PersistencePlace> persistence_files_;  // not yet read
  struct Program {
    bool is_wanted = false;  // a process detection may ask for it
    std::optional<Digest> sha256{};
  };
  std::map<FileState, Program> programs_;  // that run
  std::uint64_t last_id_ = 0;              // of jobs that are not the walk's
  Clock::time_point started_, reported_;
  std::optional<Clock::time_point> deadline_;
  bool timed_out_ = false;
  unsigned asked_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace

model::ScanDone scan(const model::Policy& policy, const model::Facts& facts, const Root& root,
                     const EngineOptions& options, SweepCounts* counts) {
  model::ScanDone done;
  if (const Unfit reason = unfit(policy, facts); reason.reason != model::Reason::kNone) {
    done.reason = reason.reason;
    done.detail = reason.detail;
    return done;
  }
  const auto matcher = Matcher::compile(policy);
  if (!matcher) {
    done.reason = model::Reason::kMalformed;
    done.detail = matcher.error().message;
    return done;
  }
  Engine engine(policy, root, *matcher, options);
  done = engine.run();
  if (counts != nullptr) *counts = engine.counts();
  return done;
}

}  // namespace fleetsweep::scan
