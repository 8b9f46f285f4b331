#pragma once

// The registry of a Windows volume: its hives and scheduled tasks, asked of the parser once, and
// what they hold as objects. A hive that Windows did not bring to its end is read as it stands and
// counted as unscannable in part: its newest changes lie in a log.

#include <functional>
#include <map>
#include <set>

#include "agent/scan/evaluate/facts.h"
#include "agent/scan/job.h"
#include "agent/scan/root.h"

namespace fleetsweep::scan {

class Registry {
 public:
  using Submit = std::function<void(Job, UniqueFd)>;
  using Unscannable = std::function<void(const std::string& path, std::string_view why)>;

  Registry(const Root& root, Unscannable unscannable)
      : root_(root), unscannable_(std::move(unscannable)) {}

  // Opens and submits them all; on_answer() gets each back, true if it was one of ours.
  void submit(const Submit& submit);
  bool on_answer(const Job& job, const Answer& answer);
  // When all are answered.
  void finish();

  std::vector<Object>& entries() { return entries_; }
  std::vector<Object>& values() { return values_; }
  const std::string& version() const { return version_; }  // of Windows; empty: it does not say
  // Folders of users elsewhere than right in Users or Documents and Settings, as the volume has
  // them.
  const std::vector<std::string>& profiles() const { return profiles_; }

 private:
  void look_for_hibernation();
  void open(const std::string& path, hive::Role role, HiveJob::Kind kind, const Submit& submit);
  bool open_hives(const std::string& glob, const Submit& submit);
  void take_profile(const std::string& software, const std::string& profile);
  void take(const Job& job, const HiveAnswer& answer, const Digest& sha256);
  void drop_cached_twins();

  const Root& root_;
  Unscannable unscannable_;
  // Of a folder that several globs go through, once.
  std::set<std::string> unread_;
  const Unscannable unreadable_ = [this](const std::string& path, std::string_view why) {
    if (unread_.insert(path).second) unscannable_(path, why);
  };
  std::vector<Object> entries_, values_;
  std::string version_;
  std::vector<std::string> profiles_;
  std::set<std::string> opened_;  // hives
  // By the path of the hive in lower case: of those that are not dirty, and of their logs.
  std::map<std::string, std::pair<std::string, std::uint32_t>> sequences_;
  std::map<std::string, std::uint32_t> logged_;
};

}  // namespace fleetsweep::scan
