#include "agent/scan/engine.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "agent/hive/registry.h"
#include "agent/scan/cross_view.h"
#include "agent/scan/file_pass.h"
#include "agent/scan/manners.h"
#include "agent/scan/persistence_pass.h"
#include "agent/scan/process_pass.h"
#include "agent/scan/registry.h"
#include "agent/scan/windows.h"
#include "agent/verdict/verdict.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using Clock = std::chrono::steady_clock;
using model::ObjectKind;
constexpr Duration kProgressEvery = std::chrono::seconds(1);
constexpr unsigned kLookAtClockEvery = 512;
// To ask what was used costs as much as to read a small file.
constexpr unsigned kPaceFiles = 16;
constexpr std::uint64_t kPaceBytes = 1 << 20;

using Unread = std::map<std::string, std::string>;  // path: why

struct Prepared {
  model::Policy policy;
  Unread unread;  // of the names in it
};

class Engine {
 public:
  Engine(std::span<const Prepared* const> policies, const Sweep& sweep, const model::Facts& facts,
         Root& root, const Matcher& matcher, const EngineOptions& options)
      : policies_(policies),
        sweep_(sweep),
        facts_(facts),
        root_(root),
        overlays_(root.is_whole() ? overlays_of_host() : std::vector<Overlay>()),
        containers_(ContainerFolders::of(overlays_)),
        layers_(overlays_),
        matcher_(matcher),
        options_(options),
        collector_(matcher, sweep),
        manners_(sweep.policy().limits),
        parser_(
            matcher, sweep.policy(), options.parser,
            [this](Job& job, Answer answer) { on_answer(job, std::move(answer)); },
            [this] { report(); }),
        tallies_(sweep.size()),
        running_(root, matcher, packages_, parser_, collector_, sweep, tallies_,
                 [this] { return is_stopped(); }),
        persistence_(root, packages_, parser_, tallies_, sweep.wanting(ObjectKind::kPersistence),
                     [this] { return is_stopped(); }),
        timed_out_(sweep.size()) {
    started_ = reported_ = Clock::now();
  }

  // A result for each policy. kInvalid: the rules of one of them do not compile.
  Result<std::vector<model::ScanDone>> run() {
    const auto level = parser_.start();
    if (!level && level.error().code == Code::kInvalid) return fail(level.error());
    if (!level) return all_failed(model::Reason::kSandbox, level.error());
    if (options_.confine_walker)
      if (const auto confined = options_.confine_walker(running_.is_wanted()); !confined)
        return all_failed(model::Reason::kSandbox, confined.error());
    // After the parser was forked, which needs none of it.
    if (options_.table != nullptr || options_.checkpoint != nullptr) open_known_files();
    std::set<std::string> shares;
    const Mismatches mismatches = cross_view_.look(root_, &shares);
    for (const std::string& share : shares)
      tallies_.add_unscannable(sweep_.everybody(), share, kInShare);
    if (const std::string& why = root_.homes_unread(); !why.empty())
      tallies_.add_unscannable(sweep_.everybody(), "/etc/passwd", why);
    for (std::size_t i = 0; i < sweep_.size(); ++i)
      for (const auto& [path, why] : policies_[i]->unread)
        tallies_.add_unscannable(Policies{1} << i, path, why);
    if (root_.is_windows()) look_at_registry();
    if (const auto looked = look(); !looked) return all_failed(model::Reason::kIo, looked.error());
    if (table_ && table_->is_changed())
      if (const auto saved = options_.table->save(*table_); !saved) complain(saved.error());
    end_checkpoint();
    std::vector<model::ScanDone> results;
    for (std::size_t i = 0; i < sweep_.size(); ++i) {
      results.push_back(result_of(i, mismatches));
      results.back().sandbox = *level;
    }
    return results;
  }

  SweepCounts counts() const { return tallies_.all; }

 private:
  std::vector<model::ScanDone> all_failed(model::Reason reason, const Error& error) const {
    model::ScanDone done;
    done.reason = reason;
    done.detail = error.message;
    return std::vector<model::ScanDone>(sweep_.size(), done);
  }

  model::ScanDone result_of(std::size_t index, const Mismatches& mismatches) const {
    const model::Policy& policy = policies_[index]->policy;
    model::ScanDone done;
    // Only now is it known which version of Windows lies there.
    if (const Unfit reason = unmet(policy, facts_); reason.reason != model::Reason::kNone) {
      done.reason = reason.reason;
      done.detail = reason.detail;
      if (reason.reason == model::Reason::kIo && !software_unread_.empty())
        done.detail += ": " + software_unread_;
    } else if (timed_out_[index]) {
      done.reason = model::Reason::kTimeout;
      done.detail = fmt::format("not done after {} s", policy.limits.timeout.count());
    } else if (parser_.is_exhausted()) {
      const auto& paths = tallies_.of[index].unscannable_paths;
      done.reason = model::Reason::kInternal;
      done.detail =
          fmt::format("the parser died {} times of what it read: {}", ParserClient::kRestartsMax,
                      paths.empty() ? std::string("see its log") : paths.front());
    } else if (collector_.is_full(index)) {
      done.reason = model::Reason::kLimit;
      done.detail =
          fmt::format("more findings than max_rows, which is {}: the policy matches too much",
                      sweep_.findings_max(index));
    }
    done.result.findings = sweep_.findings_of(index, collector_.findings());
    const auto verdicts = judge(policy, done.result.findings);
    if (!verdicts && done.reason == model::Reason::kNone) {
      done.reason = model::Reason::kLimit;
      done.detail = verdicts.error().message;
    }
    if (done.reason != model::Reason::kNone) {
      done.result = {};
      return done;
    }
    for (model::Finding& finding : done.result.findings)
      finding.left_alone = left_alone(finding.identity);
    for (const TrueVerdict& verdict : *verdicts) done.result.verdicts.push_back(verdict.verdict);
    const Tally& tally = tallies_.of[index];
    done.result.scanned = tally.scanned;
    done.result.scanned_bytes = tally.scanned_bytes;
    done.result.mismatches = mismatches;
    done.result.unscannable = tally.unscannable;
    done.result.unscannable_paths = tally.unscannable_paths;
    done.result.partial = tally.partial;
    done.result.partial_paths = tally.partial_paths;
    return done;
  }

  // What act is going to say of it, but for the images' ids, which stand in files of strangers.
  std::string left_alone(const model::Identity& identity) const {
    const auto* file = std::get_if<model::FileIdentity>(&identity);
    if (file != nullptr && file->links == 0) return {};  // only processes have it
    if (const auto* entry = std::get_if<model::PersistenceIdentity>(&identity)) file = &entry->file;
    const auto layer = file != nullptr ? layers_.of(file->path) : std::nullopt;
    return layer ? layer->text(file->path) : std::string();
  }

  // Without what was known everything is read: dearer, never wrong.
  void open_known_files() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    CheckpointHead head{.started = std::chrono::duration_cast<Seconds>(now).count(),
                        .key = IdentityTable::new_key()};
    Checkpoint* checkpoint = options_.checkpoint;
    std::optional<CheckpointHead> before;
    if (checkpoint != nullptr) {
      head.scan = scan_identity(sweep_.policy(), root_, options_.table != nullptr, options_.now);
      before = checkpoint->find(head.scan, head.started);
      if (before) head = *before;
    }
    if (options_.table != nullptr) {
      auto loaded = options_.table->load();
      if (!loaded && loaded.error().code != Code::kNotFound) complain(loaded.error());
      table_ = loaded ? std::move(*loaded) : IdentityTable(head.key);
      // Of another table: its names are not ours.
      if (table_->key() != head.key) before.reset();
      head.key = table_->key();
    }
    known_.emplace(table_ ? &*table_ : nullptr, checkpoint, head.key, matcher_, sweep_.policy(),
                   options_.now, std::chrono::nanoseconds(now).count());
    if (before) {
      const auto answered = known_->go_on(*before);
      if (!answered) return complain(answered.error());
      std::fprintf(stderr,
                   "fleetsweep-scan: goes on with a scan that began %lld s ago: %zu files need not "
                   "be read again\n",
                   static_cast<long long>(std::chrono::duration_cast<Seconds>(now).count() -
                                          before->started),
                   *answered);
    } else if (checkpoint != nullptr) {
      head.started = std::chrono::duration_cast<Seconds>(now).count();
      if (const auto begun = checkpoint->begin(head); !begun) complain(begun.error());
    }
  }

  // One that its time limit ended is gone on with when it is started again.
  void end_checkpoint() {
    if (options_.checkpoint == nullptr) return;
    const bool is_cut = std::find(timed_out_.begin(), timed_out_.end(), true) != timed_out_.end();
    if (const auto kept = is_cut ? known_->save() : options_.checkpoint->end(); !kept)
      complain(kept.error());
  }

  static void complain(const Error& error) {
    std::fprintf(stderr, "fleetsweep-scan: known files: %s\n", error.message.c_str());
  }

  Status look() {
    bool owned = false;
    for (std::uint16_t d = 0; d < matcher_.detections(); ++d)
      owned |= matcher_.needs(d).package_owned;
    if (owned) {
      FS_TRY(packages_, PackageDb::open(root_.path()));
    }
    if (running_.is_wanted()) running_.list();

    FilePass files(root_, containers_, matcher_, packages_, parser_, collector_, sweep_, tallies_,
                   known_ ? &*known_ : nullptr, [this] { return is_stopped(); },
                   {[this](const model::FileIdentity& file) {
                      return running_.is_waiting_for(file) || persistence_.is_waiting_for(file);
                    },
                    [this](Job& job) { complete(job); }});
    files_ = &files;
    std::vector<Probe> probes, others;
    for (std::uint16_t d = 0; d < matcher_.detections(); ++d)
      if (matcher_.detection(d).for_each < 0)
        (matcher_.detection(d).object == ObjectKind::kFile ? probes : others).push_back({d});
    running_.submit_running_files(files, probes);
    // Only now: a program that runs though it was deleted is not the file at its path.
    if (const PersistenceKinds kinds = wanted_kinds(sweep_.policy()); kinds.any())
      persistence_.list(kinds, owned, &options_.baseline);
    // Files first: what the walk reads is not opened again for its process or its entries.
    for (const Probe& probe : others) running_.find_candidates(probe);
    if (!probes.empty()) files.run(std::move(probes));
    persistence_.read();
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

  // What Windows calls itself stands there too, and where its users have their folders.
  void look_at_registry() {
    registry_.submit([this](Job job, UniqueFd file) {
      job.id = ++last_id_;
      parser_.submit(std::move(job), std::move(file));
      parser_.finish();  // one at a time: an answer may fill a frame
    });
    registry_.finish();
    root_.set_profiles(registry_.profiles());
    facts_.os_version = registry_.version();
    for (std::size_t i = registry_.entries().size() + registry_.values().size(); i > 0; --i)
      tallies_.add_scanned(sweep_.everybody());
  }

  // The walk reads this file: what others ask of it comes along.
  void complete(Job& job) {
    running_.complete(job);
    persistence_.join(job);
  }

  // Every object of the kind, except files.
  void ask_all(const Probe& probe) {
    running_.ask_all(probe);
    if (matcher_.detection(probe.detection).object == ObjectKind::kPersistence) {
      ask(probe, persistence_.entries());
      ask(probe, registry_.entries());
    }
    if (matcher_.detection(probe.detection).object == ObjectKind::kWindowsRegistryKey)
      ask(probe, registry_.values());
  }

  void ask(const Probe& probe, const std::vector<Object>& objects) {
    for (const Object& object : objects)
      if (matcher_.match(probe.detection, object, probe.binding) == Truth::kYes)
        collector_.record(probe.detection, object, probe.joined);
  }

  void on_answer(Job& job, Answer answer) {
    tallies_.all.operations += answer.operations;
    unpaced_bytes_ += answer.bytes;
    if (++answers_ % kPaceFiles == 0 || unpaced_bytes_ >= kPaceBytes) keep_pace();
    if (registry_.on_answer(job, answer)) {
      tallies_.add_bytes(sweep_.everybody(), answer.bytes);
      return;
    }
    running_.on_answer(job, answer);
    const bool is_of_walk = !job.wanted.empty();
    const Policies who = job.entries ? sweep_.wanting(ObjectKind::kPersistence) : running_.who();
    Policies told = 0;
    if (is_of_walk)
      told = files_->on_answer(job, answer);
    else
      tallies_.add_bytes(who, answer.bytes);
    if (job.entries && answer.entries_read) return persistence_.take(job, answer);
    if (job.entries) tallies_.add_unscannable(who & ~told, job.facts.identity.path, answer.detail);
  }

  bool is_stopped() {
    if (asked_++ % kLookAtClockEvery == 0) keep_pace();
    return is_over_ || parser_.is_exhausted();
  }

  void keep_pace() {
    unpaced_bytes_ = 0;
    report();
    manners_.keep(parser_.parser_pid(), tallies_.all.operations, [this] {
      report();
      return is_over_;
    });
  }

  void report() {
    const auto now = Clock::now();
    is_over_ = true;
    for (std::size_t i = 0; i < sweep_.size(); ++i) {
      const Seconds timeout = policies_[i]->policy.limits.timeout;
      if (timeout.count() > 0 && now > started_ + timeout) timed_out_[i] = true;
      is_over_ &= timed_out_[i] || collector_.is_full(i);
    }
    if (now - reported_ < kProgressEvery) return;
    reported_ = now;
    if (known_)
      if (const auto saved = known_->save(); !saved) complain(saved.error());
    if (!options_.on_progress) return;
    options_.on_progress({tallies_.all.scanned, tallies_.all.scanned_bytes,
                          static_cast<std::uint32_t>(collector_.findings().size())});
  }

  std::span<const Prepared* const> policies_;
  const Sweep& sweep_;
  model::Facts facts_;
  Root& root_;
  // Found before the walker is confined.
  const std::vector<Overlay> overlays_;
  const ContainerFolders containers_;
  const ImageLayers layers_;
  const Matcher& matcher_;
  const EngineOptions& options_;
  Collector collector_;
  Manners manners_;
  ParserClient parser_;
  const CrossView cross_view_;
  PackageDb packages_;
  Tallies tallies_;
  std::string software_unread_;  // wholly or in part, and why
  Registry registry_{root_, [this](const std::string& path, std::string_view why) {
                       // Where the users' folders lie stands in one of them.
                       const bool is_of_all = hive::role_of(path) == hive::Role::kSoftware;
                       if (is_of_all && software_unread_.empty())
                         software_unread_ = fmt::format("{}: {}", escaped(path), why);
                       tallies_.add_unscannable(
                           is_of_all ? sweep_.everybody()
                                     : sweep_.wanting(ObjectKind::kPersistence) |
                                           sweep_.wanting(ObjectKind::kWindowsRegistryKey),
                           path, why);
                     }};
  std::optional<IdentityTable> table_;
  std::optional<KnownFiles> known_;
  FilePass* files_ = nullptr;
  ProcessPass running_;
  PersistencePass persistence_;
  std::uint64_t last_id_ = 0;  // of jobs of the registry
  Clock::time_point started_, reported_;
  std::vector<bool> timed_out_;  // per policy
  bool is_over_ = false;         // nobody wants more
  unsigned asked_ = 0, answers_ = 0;
  std::uint64_t unpaced_bytes_ = 0;
};

}  // namespace

namespace {

model::ScanDone refusal(model::Reason reason, std::string detail) {
  model::ScanDone done;
  done.reason = reason;
  done.detail = std::move(detail);
  return done;
}

model::ScanDone refusal(const Error& defect) {
  return refusal(
      defect.code == Code::kNotFound ? model::Reason::kPolicyMissing : model::Reason::kMalformed,
      defect.message);
}

Unreadable missed_by(Prepared& prepared) {
  return [&prepared](const std::string& path, std::string_view why) {
    prepared.unread.emplace(path, why);
  };
}

// Why a policy cannot be compiled; nothing when it can.
std::optional<Error> defect_of(const model::Policy& policy, const EngineOptions& options) {
  const auto matcher = Matcher::compile(policy, options.hash_parts, options.now);
  if (!matcher) return matcher.error();
  ParserClient parser(*matcher, policy, options.parser, [](const Job&, Answer) {});
  const auto started = parser.start();
  if (!started && started.error().code == Code::kInvalid) return started.error();
  return std::nullopt;
}

}  // namespace

std::vector<model::ScanDone> scan(std::span<const model::Policy> policies,
                                  const model::Facts& facts, Root& root,
                                  const EngineOptions& options, SweepCounts* counts) {
  std::vector<model::ScanDone> results(policies.size());
  std::vector<Prepared> prepared(policies.size());
  std::vector<std::size_t> fit;
  // A volume that was taken away, or whose disk fails, is not a clean system of another kind.
  if (facts.os == "windows" && !root.is_windows()) {
    for (auto& result : results)
      result = refusal(model::Reason::kIo,
                       "the root was a volume of Windows, and has no "
                       "Windows/System32/config/SOFTWARE any more");
    return results;
  }
  // Whatever runs here: what lies beneath the root decides.
  model::Facts here = facts;
  if (root.is_windows()) here.os = host_facts(root).os;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    Unfit reason = unfit(policies[i], here);
    if (reason.reason == model::Reason::kPlatform && !root.is_windows() &&
        !resolve(root, "/Windows/System32", [](const std::string&, std::string_view) {}).empty())
      reason.detail += "; its Windows folder has no Windows/System32/config/SOFTWARE to read";
    if (reason.reason == model::Reason::kNone && !root.is_windows())
      reason = unmet(policies[i], here);
    if (reason.reason != model::Reason::kNone)
      results[i] = refusal(reason.reason, reason.detail);
    else if (auto named = with_names(policies[i], root, missed_by(prepared[i])); !named)
      results[i] = refusal(model::Reason::kMalformed, named.error().message);
    else {
      fit.push_back(i);
      prepared[i].policy = std::move(*named);
      if (root.is_windows()) prepared[i].policy.platform = model::Platform::kWindows;
    }
  }
  while (!fit.empty()) {
    std::vector<model::Policy> swept;
    std::vector<const Prepared*> each;
    for (const std::size_t i : fit) {
      swept.push_back(prepared[i].policy);
      each.push_back(&prepared[i]);
    }
    const Sweep sweep(swept);
    swept.clear();
    const auto matcher = Matcher::compile(sweep.policy(), options.hash_parts, options.now);
    std::optional<Error> defect;
    if (matcher) {
      Engine engine(each, sweep, here, root, *matcher, options);
      auto done = engine.run();
      if (done) {
        if (counts != nullptr) *counts = engine.counts();
        for (std::size_t n = 0; n < fit.size(); ++n) results[fit[n]] = std::move((*done)[n]);
        return results;
      }
      defect = done.error();
    } else {
      defect = matcher.error();
    }
    // One of them is malformed: the others do not wait for its author.
    const std::size_t before = fit.size();
    std::erase_if(fit, [&](std::size_t i) {
      const auto own = before == 1 ? defect : defect_of(prepared[i].policy, options);
      if (own) results[i] = refusal(*own);
      return own.has_value();
    });
    if (fit.size() == before) {
      for (const std::size_t i : fit) results[i] = refusal(*defect);
      return results;
    }
  }
  return results;
}

}  // namespace fleetsweep::scan
