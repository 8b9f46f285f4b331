#include "agent/scan/file_pass.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/scan/attributes.h"
#include "agent/scan/file_bytes.h"
#include "agent/scan/magic.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

bool takes_any_name(const model::Detection& detection) {
  if (detection.object != model::ObjectKind::kFile || detection.any_of.empty())
    return detection.rule >= 0;
  return std::any_of(
      detection.any_of.begin(), detection.any_of.end(), [](const model::Selection& selection) {
        return std::none_of(selection.begin(), selection.end(), [](const auto& predicate) {
          return predicate.field == model::Field::kFilePath ||
                 predicate.field == model::Field::kFileName ||
                 predicate.field == model::Field::kFileExtension ||
                 predicate.field == model::Field::kFileParentName;
        });
      });
}

std::string any_file_of(std::string_view folder) {
  return folder == "/" ? "/*" : std::string(folder) + "/*";
}

}  // namespace

FilePass::FilePass(Root& root, const ContainerFolders& containers, const Matcher& matcher,
                   const PackageDb& packages, ParserClient& parser, Collector& collector,
                   const Sweep& sweep, Tallies& tallies, KnownFiles* known,
                   std::function<bool()> is_stopped, Others others)
    : root_(root),
      containers_(containers),
      matcher_(matcher),
      packages_(packages),
      parser_(parser),
      collector_(collector),
      sweep_(sweep),
      tallies_(tallies),
      known_(known),
      is_stopped_(std::move(is_stopped)),
      others_(std::move(others)) {
  for (std::uint16_t detection = 0; detection < matcher_.detections(); ++detection)
    scopes_.push_back(Scope::of(matcher_.detection(detection).scope, root,
                                [&](const std::string& path, std::string_view why) {
                                  tallies_.add_unscannable(sweep_.bit_of(detection), path, why);
                                }));
  for (std::uint16_t detection = 0; detection < matcher_.detections(); ++detection) {
    needs_delta_ |= matcher_.needs(detection).mtime_delta;
    needs_owned_ |= matcher_.needs(detection).package_owned;
    needs_owner_ |= matcher_.needs(detection).owner;
    needs_attributes_ |= matcher_.needs(detection).attributes;
    asks_table_.push_back(takes_any_name(matcher_.detection(detection)) &&
                          !matcher_.needs(detection).stat);
    needs_magic_ |= matcher_.needs(detection).magic;
  }
}

void FilePass::run(std::vector<Probe> probes) {
  std::vector<std::string> starts;
  probes_.clear();
  is_joined_ = false;
  for (Probe& probe : probes) {
    is_joined_ |= probe.joined != model::Finding::kNoJoin;
    for (std::string& start : scopes_[probe.detection].starts()) {
      for (const std::string& folder : containers_.all())
        starts.push_back(folder + start.substr(1));
      starts.push_back(std::move(start));
    }
    probes_.push_back(std::move(probe));
  }
  walk(root_, std::move(starts), *this);
  parser_.finish();
}

bool FilePass::enter(const std::string& folder, int fd) {
  all_here_.clear();
  some_here_.clear();
  all_policies_here_ = 0;
  recalls_here_ = false;
  const std::string_view seen = containers_.seen_as(folder);
  is_containers_ = !seen.empty();
  const auto may_contain = [&](const Scope& scope) {
    return scope.may_contain(folder) || (is_containers_ && scope.may_contain(seen));
  };
  bool below = containers_.lie_beneath(folder);
  for (const Probe& probe : probes_) {
    const Scope& scope = scopes_[probe.detection];
    if (scope.covers_files_of(folder) || (is_containers_ && scope.covers_files_of(seen))) {
      all_here_.push_back(&probe);
      all_policies_here_ |= sweep_.bit_of(probe.detection);
      recalls_here_ |= known_ != nullptr && asks_table_[probe.detection];
    } else if (may_contain(scope)) {
      some_here_.push_back(&probe);
    }
    below |= may_contain(scope);
  }
  aliases_here_ = root_.aliases(any_file_of(folder));
  if (is_containers_) aliases_here_.push_back(any_file_of(seen));
  for (std::string& alias : aliases_here_) alias.pop_back();
  if (needs_delta_) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return false;
    folder_here_ = identity_of(folder, status);
  }
  if (known_ != nullptr) known_->enter(folder, aliases_here_);
  return below || !all_here_.empty();
}

Policies FilePass::policies_of(const Probes& probes) const {
  Policies result = 0;
  for (const Probe* probe : probes) result |= sweep_.bit_of(probe->detection);
  return result;
}

void FilePass::keep_open(FileFacts& facts, Probes& probes, Detections& no) const {
  std::erase_if(probes, [&](const Probe* probe) {
    // Whatever the file is: something in it may be wanted.
    if (matcher_.detection(probe->detection).scope.archives ||
        matcher_.match(probe->detection, facts, probe->binding) != Truth::kNo)
      return false;
    if (says_no_for_good(*probe, facts)) no.push_back(probe->detection);
    return true;
  });
}

bool FilePass::says_no_for_good(const Probe& probe, FileFacts& facts) const {
  const Needs& needs = matcher_.needs(probe.detection);
  if (!needs.package_owned && !needs.mtime_delta) return true;
  const auto owned = std::exchange(facts.package_owned, std::nullopt);
  const auto delta = std::exchange(facts.mtime_delta_ms, std::nullopt);
  const Truth truth = matcher_.match(probe.detection, facts, probe.binding);
  facts.package_owned = owned;
  facts.mtime_delta_ms = delta;
  return truth == Truth::kNo;
}

void FilePass::learn(FileFacts& facts, const struct stat& status, int fd,
                     const Probes& probes) const {
  FileOwnership& ownership = facts.ownership.emplace();
  ownership.mode = status.st_mode;
  ownership.uid = status.st_uid;
  ownership.gid = status.st_gid;
  if (needs_owner_) ownership.owner = root_.user_name(status.st_uid);
  if (!needs_attributes_ || fd < 0) return;
  auto attributes = attributes_of(fd, status);
  if (attributes) {
    facts.attributes = std::move(*attributes);
    return;
  }
  Policies who = 0;
  for (const Probe* probe : probes)
    if (matcher_.needs(probe->detection).attributes) who |= sweep_.bit_of(probe->detection);
  tallies_.add_unscannable(who, facts.identity.path,
                           "its attributes: " + attributes.error().message);
}

// Where one of them wants it read whatever its stat says, opening it tells the same for less.
bool FilePass::looks_first(const Probes& probes) const {
  return known_ != nullptr || std::all_of(probes.begin(), probes.end(), [this](const Probe* probe) {
           return matcher_.needs(probe->detection).stat;
         });
}

// Where each of them has something to say to the first bytes.
bool FilePass::asks_start(const Probes& probes) const {
  return std::all_of(probes.begin(), probes.end(), [this](const Probe* probe) {
    const Needs& needs = matcher_.needs(probe->detection);
    return (needs.magic || needs.head_bytes > 0) &&
           !matcher_.detection(probe->detection).scope.archives;
  });
}

// Most files begin otherwise than what is looked for, and the way to the parser costs more than
// this. Nothing: the parser finds out.
std::optional<std::uint64_t> FilePass::starts_otherwise(int fd) {
  std::size_t wanted = 0;
  for (const Probe* probe : open_) {
    const Needs& needs = matcher_.needs(probe->detection);
    wanted = std::max(wanted, needs.magic ? kMagicBytes : needs.head_bytes);
  }
  FileBytes bytes(fd, facts_.identity.size);
  facts_.head.resize(std::min<std::uint64_t>(wanted, facts_.identity.size));
  const bool is_read = bytes.read(facts_.head, 0).has_value();
  tallies_.all.operations += bytes.operations();
  if (is_read) {
    facts_.stage = FileStage::kHead;
    if (needs_magic_) facts_.magic = magic_of(facts_.head);
    keep_open(facts_, open_, no_);
    if (open_.empty()) return bytes.bytes_read();
  }
  // The parser learns it from what it reads itself.
  facts_.stage = FileStage::kStat;
  facts_.head.clear();
  facts_.magic.clear();
  return std::nullopt;
}

void FilePass::begin(const std::string& path, const char* name) {
  facts_.stage = FileStage::kName;
  facts_.identity.path.assign(path);
  facts_.aliases = aliases_here_;
  for (std::string& alias : facts_.aliases) alias += name;
  facts_.mtime_delta_ms.reset();
  facts_.package_owned.reset();
  facts_.ownership.reset();
  facts_.attributes.reset();
  no_.clear();
}

bool FilePass::file(int folder, const std::string& path, const char* name) {
  open_.assign(all_here_.begin(), all_here_.end());
  Policies who = all_policies_here_;
  bool recalls = recalls_here_;
  for (const Probe* probe : some_here_)
    if (scopes_[probe->detection].contains(path) ||
        (is_containers_ && scopes_[probe->detection].contains(aliases_here_.back() + name))) {
      open_.push_back(probe);
      who |= sweep_.bit_of(probe->detection);
      recalls |= known_ != nullptr && asks_table_[probe->detection];
    }
  if (open_.empty()) return true;
  tallies_.add_scanned(who);

  begin(path, name);
  const auto are_open = [this] {
    keep_open(facts_, open_, no_);
    return !open_.empty();
  };
  if (!recalls && !are_open()) return true;

  struct stat status {};
  KnownFiles::File known;
  const auto take_stat = [&](int fd) {
    identify(facts_.identity, status);
    facts_.stage = FileStage::kStat;
    if (needs_delta_)
      facts_.mtime_delta_ms = (facts_.identity.mtime_ns - folder_here_.mtime_ns) / 1'000'000;
    if (needs_owned_) facts_.package_owned = packages_.owner(path).has_value();
    learn(facts_, status, fd, open_);
  };
  const bool has_looked = looks_first(open_);
  if (has_looked) {
    // Gone, or something else by now: there is no such file.
    std::int64_t born_ns = 0;
    if (!look_at(folder, name, status, born_ns)) {
      if (errno == ENOENT) return false;
      tallies_.add_unscannable(policies_of(open_), path, std::strerror(errno));
      return true;
    }
    if (!S_ISREG(status.st_mode)) return false;
    take_stat(-1);
    if (!recalls && !are_open()) return true;
    if (known_ != nullptr) {
      known = known_->look_up(folder, name, facts_.identity, status, born_ns);
      if (known.answered && !is_joined_) {
        if (recalls && !are_open()) return true;
        if (!may_be_otherwise(known, open_)) {
          ++tallies_.all.resumed;
          tallies_.add_bytes(policies_of(open_), *known.answered);
          return true;
        }
      }
      recall(known, facts_, open_);
      if (open_.empty()) {
        ++tallies_.all.recalled;
        return true;
      }
    }
    if (recalls && !are_open()) return true;
  }
  UniqueFd file = open_beneath(folder, name);
  if (!file) {
    if (errno == ENOENT || errno == ELOOP) return false;
    tallies_.add_unscannable(policies_of(open_), path, std::strerror(errno));
    return true;
  }
  ++tallies_.all.opened;
  // What was opened may be another object than what was looked at: this one counts.
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const bool is_same = has_looked && is_seen(facts_.identity, status);
  if (!is_same || needs_attributes_) {
    take_stat(file.get());
    if (!are_open()) return true;
  }
  known.can_learn &= is_same;
  if (asks_start(open_) && !others_.want(facts_.identity)) {
    who = policies_of(open_);
    if (const auto read = starts_otherwise(file.get())) {
      tallies_.add_bytes(who, *read);
      if (known_ != nullptr)
        known_->learn(known, {.no = no_, .bytes = *read, .is_answered = !is_joined_});
      return true;
    }
  }
  send(std::exchange(facts_, {}), std::move(file), status.st_uid, open_, known,
       std::exchange(no_, {}));
  return true;
}

bool FilePass::may_be_otherwise(const KnownFiles::File& known, const Probes& probes) const {
  return std::any_of(probes.begin(), probes.end(), [&](const Probe* probe) {
    const Needs& needs = matcher_.needs(probe->detection);
    return (needs.package_owned || needs.mtime_delta) && !known_->says_no(known, probe->detection);
  });
}

void FilePass::recall(const KnownFiles::File& known, FileFacts& facts, Probes& probes) const {
  if (!known.known) return;
  std::erase_if(probes,
                [&](const Probe* probe) { return known_->says_no(known, probe->detection); });
  if (probes.empty() || known.known->sha256.is_zero()) return;
  append_hex(facts.sha256, known.known->sha256.value);
  Detections no;  // known in this way the next time, too
  keep_open(facts, probes, no);
  facts.sha256.clear();  // what is found comes from what is read now
}

void FilePass::submit(FileFacts facts, UniqueFd file, const struct stat& status,
                      std::vector<Probe> probes) {
  Probes pointers;
  for (Probe& probe : probes) {
    probes_.push_back(std::move(probe));
    pointers.push_back(&probes_.back());
  }
  tallies_.add_scanned(policies_of(pointers));
  learn(facts, status, file.get(), pointers);
  Detections no;
  keep_open(facts, pointers, no);
  if (!pointers.empty())
    send(std::move(facts), std::move(file), status.st_uid, std::move(pointers));
}

void FilePass::add_wanted(std::uint16_t detection, std::vector<std::uint16_t>& wanted) const {
  if (std::find(wanted.begin(), wanted.end(), detection) != wanted.end()) return;
  wanted.push_back(detection);
  for (std::uint16_t child = detection + 1; child < matcher_.detections(); ++child)
    if (matcher_.detection(child).for_each == detection && matcher_.is_about_parent(child))
      add_wanted(child, wanted);
}

void FilePass::send(FileFacts facts, UniqueFd file, unsigned owner, Probes probes,
                    const KnownFiles::File& known, Detections no) {
  Job job;
  job.id = next_id_++;
  job.facts = std::move(facts);
  if (matcher_.has_rules()) job.owner = root_.user_name(owner);
  for (const Probe* probe : probes) add_wanted(probe->detection, job.wanted);
  others_.complete(job);
  under_way_.emplace(job.id, UnderWay{std::move(probes), known, std::move(no)});
  parser_.submit(std::move(job), std::move(file));
}

Policies FilePass::on_answer(Job& job, const Answer& answer) {
  const auto found = under_way_.find(job.id);
  if (found == under_way_.end()) return 0;
  UnderWay work = std::move(found->second);
  under_way_.erase(found);
  const Policies who = policies_of(work.probes);
  tallies_.add_bytes(who, answer.bytes);

  FileFacts& facts = job.facts;
  if (is_unread(answer)) {
    tallies_.add_unscannable(who, facts.identity.path, answer.detail);
    return who;
  }
  apply(answer, facts);
  if (answer.partial) tallies_.add_partial(who, facts.identity.path, answer.detail);
  Policies open = 0;
  bool is_found = false;
  for (const Probe* probe : work.probes) {
    const Truth truth = answer_of(*probe, facts, answer, work.no);
    if (truth == Truth::kUnknown) open |= sweep_.bit_of(probe->detection);
    is_found |= truth != Truth::kNo;
  }
  KnownFiles::Reading reading{
      .sha256 = facts.identity.sha256, .no = std::move(work.no), .bytes = answer.bytes};
  reading.is_answered = !is_joined_ && answer.left_out.empty() && !is_found;
  if (answer.is_cut_off) tallies_.add_partial(who, facts.identity.path, answer.left_out);
  if (!answer.left_out.empty())
    tallies_.add_unscannable(who, facts.identity.path, "in the archive: " + answer.left_out);
  if (answer.status == Answer::Status::kPartial)
    tallies_.add_unscannable(open, facts.identity.path, answer.detail);
  if (known_ != nullptr && answer.status == Answer::Status::kRead && !answer.partial)
    known_->learn(work.known, reading);
  return 0;
}

// Of the file and, where it is asked for, of what lies in it.
Truth FilePass::answer_of(const Probe& probe, FileFacts& facts, const Answer& answer,
                          Detections& no) {
  Truth all = Truth::kNo;
  bool is_for_good = true;
  const auto ask = [&](FileFacts& one) {
    const Truth truth = matcher_.match(probe.detection, one, probe.binding);
    if (truth == Truth::kYes) collector_.record(probe.detection, Object(one), probe.joined);
    is_for_good = is_for_good && truth == Truth::kNo && says_no_for_good(probe, one);
    if (truth != Truth::kNo && all != Truth::kYes) all = truth;
  };
  ask(facts);
  if (matcher_.detection(probe.detection).scope.archives) {
    for (const MemberAnswer& member : answer.members) {
      FileFacts inside = facts_of(member, facts);
      ask(inside);
    }
    is_for_good = is_for_good && answer.left_out.empty();
  }
  if (is_for_good) no.push_back(probe.detection);
  return all;
}

void FilePass::unreadable(const std::string& path, const std::string& reason) {
  Policies who = 0;
  const std::string_view seen = containers_.seen_as(path);
  for (const Probe& probe : probes_)
    if (scopes_[probe.detection].may_contain(path) || containers_.lie_beneath(path) ||
        (!seen.empty() && scopes_[probe.detection].may_contain(seen)))
      who |= sweep_.bit_of(probe.detection);
  tallies_.add_unscannable(who, path, reason);
}

}  // namespace fleetsweep::scan
