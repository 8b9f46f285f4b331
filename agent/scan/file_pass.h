#pragma once

// One walk for a set of questions about files: names first, then stat, then the parser.

#include <functional>
#include <unordered_map>

#include "agent/overlay/overlay.h"
#include "agent/package_db/package_db.h"
#include "agent/scan/collector.h"
#include "agent/scan/known_files.h"
#include "agent/scan/parser_client.h"
#include "agent/scan/scope.h"
#include "agent/scan/sweep.h"
#include "agent/scan/walk.h"

namespace fleetsweep::scan {

// A detection, for the host or for one binding.
struct Probe {
  std::uint16_t detection = 0;
  std::uint32_t joined = model::Finding::kNoJoin;
  std::vector<Bound> binding;
};

class FilePass : public WalkVisitor {
 public:
  // What else a file that the walk reads is read for.
  struct Others {
    std::function<bool(const model::FileIdentity&)> want;
    std::function<void(Job&)> complete;
  };
  // All outlive the pass. `is_stopped` is asked often; `known` may be null.
  FilePass(Root& root, const ContainerFolders& containers, const Matcher& matcher,
           const PackageDb& packages, ParserClient& parser, Collector& collector,
           const Sweep& sweep, Tallies& tallies, KnownFiles* known,
           std::function<bool()> is_stopped, Others others);

  void run(std::vector<Probe> probes);
  // One object that no walk finds: a program that runs though its file is gone.
  void submit(FileFacts facts, UniqueFd file, const struct stat& status, std::vector<Probe> probes);
  // Adds to its facts. Whose count of what is unscannable it has gone into, if it is unread.
  Policies on_answer(Job& job, const Answer& answer);

 private:
  bool enter(const std::string& folder, int fd) override;
  bool file(int folder, const std::string& path, const char* name) override;
  void unreadable(const std::string& path, const std::string& reason) override;
  bool is_stopped() override { return is_stopped_(); }

  using Probes = std::vector<const Probe*>;
  Policies policies_of(const Probes& probes) const;
  using Detections = std::vector<std::uint16_t>;
  // What leaves the probes goes to `no`, if it is for good.
  void keep_open(FileFacts& facts, Probes& probes, Detections& no) const;
  // No, and that whatever packages own it and when its folder changed.
  bool says_no_for_good(const Probe& probe, FileFacts& facts) const;
  Truth answer_of(const Probe& probe, FileFacts& facts, const Answer& answer, Detections& no);
  // Of what was looked at; `fd` is -1 before it is open. What cannot be read stays unknown, and who
  // of these asks for it hears of that.
  void learn(FileFacts& facts, const struct stat& status, int fd, const Probes& probes) const;
  bool looks_first(const Probes& probes) const;
  bool asks_start(const Probes& probes) const;
  // The first bytes of the file at hand leave nobody; how many were read.
  std::optional<std::uint64_t> starts_otherwise(int fd);
  void send(FileFacts facts, UniqueFd file, unsigned owner, Probes probes,
            const KnownFiles::File& known = {}, Detections no = {});
  // Of the file at hand, whose path and aliases alone are known; what it is filled into is kept,
  // since most files are done with before any of it is handed on.
  void begin(const std::string& path, const char* name);
  // To one of them the file's packages or the time of its folder may have been the answer, and are
  // another by now.
  bool may_be_otherwise(const KnownFiles::File& known, const Probes& probes) const;
  // Drops what the identity table answers.
  void recall(const KnownFiles::File& known, FileFacts& facts, Probes& probes) const;
  // The detections whose answer an answer for this one brings along.
  void add_wanted(std::uint16_t detection, std::vector<std::uint16_t>& wanted) const;

  const Root& root_;
  const ContainerFolders& containers_;
  const Matcher& matcher_;
  const PackageDb& packages_;
  ParserClient& parser_;
  Collector& collector_;
  const Sweep& sweep_;
  Tallies& tallies_;
  KnownFiles* known_;
  std::function<bool()> is_stopped_;
  Others others_;

  std::deque<Probe> probes_;  // stable addresses
  std::vector<Scope> scopes_;
  // Per detection: neither a name nor what stat tells leaves most files out.
  std::vector<bool> asks_table_;
  // Of the folder at hand: the probes that want all of its files, and those to be asked for each.
  Probes all_here_, some_here_;
  Policies all_policies_here_ = 0;
  // One of them asks the identity table: then it answers for all of them at once, and for less than
  // a search in the name.
  bool recalls_here_ = false;
  std::vector<std::string> aliases_here_;
  bool is_containers_ = false;  // whose path the last one is, then
  model::FileIdentity folder_here_;
  // Of the file at hand.
  Probes open_;
  FileFacts facts_;
  Detections no_;
  bool needs_delta_ = false, needs_owned_ = false, needs_owner_ = false;
  bool needs_attributes_ = false, needs_magic_ = false;
  bool is_joined_ = false;  // the probes of this walk are about other findings

  struct UnderWay {
    Probes probes;
    KnownFiles::File known;
    Detections no;  // what path and stat have answered
  };
  std::unordered_map<std::uint64_t, UnderWay> under_way_;
  std::uint64_t next_id_ = 1;
};

}  // namespace fleetsweep::scan
