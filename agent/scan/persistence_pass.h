#pragma once

// Finds the files of the places (protocol/model/persistence_places.h), has them read, and keeps
// their entries. A kind that nobody asks for costs nothing.

#include <bitset>
#include <functional>
#include <map>
#include <span>

#include "agent/package_db/package_db.h"
#include "agent/scan/baseline.h"
#include "agent/scan/file_pass.h"
#include "agent/scan/parser_client.h"
#include "agent/scan/root.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {

using PersistenceKinds = std::bitset<std::size(Names<model::PersistenceKind>::kAll)>;
// What a detection of the policy can select; `owned`: whether it asks whose the entries are.
PersistenceKinds wanted_kinds(const model::Policy& policy);

class PersistencePass {
 public:
  // References live as long as it. `who` asks for entries; `is_stopped` is asked often.
  PersistencePass(Root& root, const PackageDb& packages, ParserClient& parser, Tallies& tallies,
                  Policies who, std::function<bool()> is_stopped)
      : root_(root),
        packages_(packages),
        parser_(parser),
        tallies_(tallies),
        who_(who),
        is_stopped_(std::move(is_stopped)) {}

  // Which files there are. `needs_owner`: entries say whether a package owns them.
  void list(const PersistenceKinds& kinds, bool needs_owner, const Baseline* baseline);
  bool is_waiting_for(const model::FileIdentity& file) const { return files_.contains(file.path); }
  // The walk reads this file: its entries come along.
  void join(Job& job);
  // Reads those that no walk has read, and those that they name, and those that these name.
  void read();
  // What the parser said of such a job.
  void take(const Job& job, Answer& answer);

  const std::vector<Object>& entries() const { return entries_; }

 private:
  struct Found {  // how to read a file
    model::PersistenceKind kind;
    Format format;
    std::string user;
    std::string unit = {};  // of Job
  };
  struct Folder;  // what to look for in it
  void gather(const std::string& path, const Folder& folder);
  void ask(Job& job, const Found& found) const;
  void open(std::string path, Found found);
  UniqueFd open_linked(std::string& path, const Found& found);
  struct Followed {
    FollowedFile file;
    std::string user;
  };
  void follow(const Followed& followed);

  Root& root_;
  const PackageDb& packages_;
  ParserClient& parser_;
  Tallies& tallies_;
  Policies who_;
  std::function<bool()> is_stopped_;
  const Unreadable unreadable_ = [this](const std::string& path, std::string_view reason) {
    const std::string share = root_.share_of(path);
    tallies_.add_unscannable(who_, share.empty() ? path : share, reason);
  };
  PersistenceKinds kinds_;
  bool needs_owner_ = false;
  const Baseline* baseline_ = nullptr;
  std::multimap<std::string, Found> files_;                               // not yet read
  std::map<std::pair<std::string, model::PersistenceKind>, bool> known_;  // also those that were
  std::vector<Followed> followed_;
  std::size_t followed_names_left_ = limits::kPersistenceNames;
  std::vector<Object> entries_;
  std::uint64_t last_id_ = 0;
};

}  // namespace fleetsweep::scan
