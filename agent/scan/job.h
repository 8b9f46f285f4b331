#pragma once

// What the walker asks the parser about one open file, and what comes back.

#include <string>
#include <vector>

#include "agent/scan/channel.h"
#include "agent/scan/evaluate/facts.h"
#include "agent/scan/hive_job.h"
#include "agent/scan/persistence/persistence.h"

namespace fleetsweep::scan {

struct Job {
  std::uint64_t id = 0;
  FileFacts facts;                    // up to kStat
  std::string owner;                  // name or number of the user, for rules
  std::vector<std::uint16_t> wanted;  // file detections that are still open
  bool hash = false;                  // SHA-256, whatever else is asked
  std::vector<std::uint16_t> rules;   // all of the content is asked for these, and for nothing else
  bool entries = false;               // of persistence
  bool md5 = false;                   // beside the entries: whether the file is its package's
  Format format = Format::kLines;     // of the entries
  std::string user;
  std::string unit;  // what systemd knows the file as, which a link leads to; empty: as its path
  HiveJob hive;      // not kNone: nothing else is asked
  model::PersistenceKind place = model::PersistenceKind::kCron;  // stays with the walker
};

inline constexpr std::size_t kMembersFound = 256;  // told of one archive

// A member of an archive that a detection may match.
struct MemberAnswer {
  std::string path;  // inside the archive
  std::uint64_t size = 0;
  bool is_read = false;  // otherwise nothing below is known
  // Of FileFacts.
  std::string magic;
  Bytes head;
  std::string sha256, sha1, md5;
  std::vector<std::uint16_t> rules_done;
  std::vector<std::pair<std::uint16_t, model::RuleMatch>> rules;
};

struct Answer {
  enum class Status : std::uint8_t {
    kRead,     // everything that was asked for is known
    kChanged,  // the file changed while it was read: nothing is known
    kFailed,   // it could not be read
    kPartial,  // too large, or a rule took too long: what is unknown stays so
  };
  std::uint64_t id = 0;
  Status status = Status::kRead;
  std::string detail;
  bool partial = false;  // not all of the content was looked at; `detail` says what is missing
  std::uint64_t bytes = 0;
  std::uint64_t operations = 0;  // of the disk
  // Of FileFacts.
  std::string magic;
  Bytes head;
  std::string sha256, sha1, md5;
  std::vector<std::uint16_t> rules_done;
  std::vector<std::pair<std::uint16_t, model::RuleMatch>> rules;
  std::vector<MemberAnswer> members;
  std::string left_out;       // of the archive was not looked at, and why; empty: nothing
  bool is_cut_off = false;    // by a limit
  bool entries_read = false;  // all of them
  std::vector<PersistenceEntry> entries;
  HiveAnswer hive;
  std::vector<FollowedFile> followed;  // other files that this one names
};

inline bool is_unread(const Answer& answer) {
  return answer.status == Answer::Status::kChanged || answer.status == Answer::Status::kFailed;
}

// What the answer says, as facts; not for one that is unread.
void apply(const Answer& answer, FileFacts& facts);
// `facts` are the archive's.
FileFacts facts_of(const MemberAnswer& member, const FileFacts& facts);

void write(Writer& writer, const Job& job);
Job read_job(Reader& reader);
void write(Writer& writer, const Answer& answer);
// What comes from the parser is hostile: lists are bounded, hashes are hexadecimal or empty.
Answer read_answer(Reader& reader);

}  // namespace fleetsweep::scan
