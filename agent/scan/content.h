#pragma once

// One file's content, read once: head, kind, rules, hashes, as far as the open detections need
// them.

#include <memory>

#include "agent/scan/archive/archive.h"
#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/job.h"
#include "agent/scan/rule_set.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::scan {

class ContentReader {
 public:
  explicit ContentReader(const Matcher& matcher);
  // kInvalid: a rule does not compile.
  Status compile_rules(const model::Policy& policy);

  // Content that more than one question is about is read once. Of an open file, or of one that its
  // walker has read: then `content` is all of it.
  Answer read(const Job& job, int fd);
  Answer read(const Job& job, BytesView content);

 private:
  struct Work;

  Answer answer(Work work);
  void read_file(Work& work);
  void read_entries(Work& work);
  void read_registry(Work& work);
  void read_members(Work& work);
  bool may_be_archive(Work& work) const;
  void read_member(Work& work, const std::vector<std::uint16_t>& asked, const Member& member);
  void ask_rules(Work& work) const;  // those of the open detections
  void read_rules(Work& work);
  void run_rules(Work& work, std::span<const YaraBlock> parts);
  // Which of the rules may match, in a file that is not held whole; what will be hashed anyway is
  // hashed on the way.
  Status search_in_parts(Work& work);
  bool take_more_for_rules(Work& work, std::vector<YaraBlock>& parts);
  class Hashing;
  struct Hashes {
    bool sha256 = false, sha1 = false, md5 = false;
  };
  Hashes hashes_for(const Work& work, bool rules) const;
  bool hash(Work& work, Hashes wanted);
  // Reads into buffer_ up to `size`; false when the file ends or fails before.
  bool read_to(Work& work, std::size_t size);
  std::size_t still_open(Work& work) const;

  const Matcher& matcher_;
  RuleSet rules_;
  hive::Wanted wanted_keys_;
  crypto::BulkHash sha256_, sha1_, md5_;
  std::unique_ptr<std::uint8_t[]> buffer_;  // the start of a file, or all of it
  std::vector<std::uint8_t> room_;          // a part of it
};

}  // namespace fleetsweep::scan
