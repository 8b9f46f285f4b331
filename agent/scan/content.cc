#include "agent/scan/content.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "agent/scan/file_bytes.h"
#include "agent/scan/magic.h"
#include "agent/scan/root.h"
#include "protocol/base/limits.h"
#include "protocol/rule_text/gate.h"

namespace fleetsweep::scan {
namespace {

// A file up to this size is read at once; of a larger one the head may settle the question.
constexpr std::size_t kWholeBytes = 64 * 1024;
// A file up to this size is held whole for its rules. A larger one is searched in parts that stay
// in the processor's cache, and read again where a rule may match.
constexpr std::size_t kHeldBytes = 512 * 1024;
constexpr std::size_t kRoomBytes = 256 * 1024;
static_assert(kRoomBytes >= 4 * rule_text::kGateBytesMax);
constexpr Seconds kRulesTimeout{10};

// fstat(2) itself: the C library's takes the road over newfstatat, which the sandbox closes.
bool is_changed(int fd, const model::FileIdentity& identity) {
  struct stat status {};
  if (::syscall(SYS_fstat, fd, &status) != 0) return true;
  const model::FileIdentity now = identity_of({}, status);
  return now.size != identity.size || now.mtime_ns != identity.mtime_ns ||
         now.ctime_ns != identity.ctime_ns;
}

std::string_view extension_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : name.substr(dot);
}

}  // namespace

// What one file has shown so far.
struct ContentReader::Work {
  const Job& job;
  FileBytes bytes;
  const std::uint8_t* start;  // where what is known of the content lies
  Answer answer{};
  FileFacts facts{};
  std::vector<std::uint16_t> open{};   // detections that can still become true
  std::size_t have = 0;                // so many bytes of it
  std::vector<std::uint16_t> rules{};  // that are asked
  RuleSet::Search search{};            // which of those may match

  BytesView content() const { return {start, have}; }
  bool is_whole() const { return have == facts.identity.size; }
  bool fail(const Error& error) {
    answer.status =
        error.code == Code::kConflict ? Answer::Status::kChanged : Answer::Status::kFailed;
    answer.detail = error.message;
    return false;
  }
  // No answer is not a no: the walker counts the file as unscannable.
  void leave_out(std::string what) {
    answer.status = Answer::Status::kPartial;
    if (answer.detail.empty()) answer.detail = std::move(what);
  }
};

ContentReader::ContentReader(const Matcher& matcher)
    : matcher_(matcher),
      sha256_(crypto::HashKind::kSha256),
      sha1_(crypto::HashKind::kSha1),
      md5_(crypto::HashKind::kMd5),
      buffer_(new std::uint8_t[limits::kRuleFileBytes]),
      room_(kRoomBytes) {}

Status ContentReader::compile_rules(const model::Policy& policy) {
  wanted_keys_ = hive::wanted_keys(policy);
  FS_TRY(rules_, RuleSet::compile(policy));
  return {};
}

Answer ContentReader::read(const Job& job, int fd) {
  Answer result = answer({job, {fd, job.facts.identity.size}, buffer_.get()});
  if (is_unread(result) || !is_changed(fd, job.facts.identity)) return result;
  return {.id = job.id,
          .status = Answer::Status::kChanged,
          .detail = "changed while it was read",
          .bytes = result.bytes,
          .operations = result.operations};
}

Answer ContentReader::read(const Job& job, BytesView content) {
  Answer result = answer(
      {.job = job, .bytes = {-1, content.size()}, .start = content.data(), .have = content.size()});
  result.bytes = content.size();
  return result;
}

Answer ContentReader::answer(Work work) {
  const Job& job = work.job;
  work.facts = job.facts;
  work.open = job.wanted;
  if (job.hive.kind != HiveJob::Kind::kNone) read_registry(work);
  // Entries first: they need the whole content, and the other questions find it in the buffer.
  if (job.entries) read_entries(work);
  if (!is_unread(work.answer) && !job.wanted.empty()) read_file(work);
  if (!is_unread(work.answer)) read_members(work);
  if (!job.rules.empty()) {
    work.rules = job.rules;
    read_rules(work);
  }
  if (!is_unread(work.answer) && job.hash) static_cast<void>(hash(work, {.sha256 = true}));
  Answer answer = std::move(work.answer);
  answer.bytes = work.bytes.bytes_read();
  answer.operations = work.bytes.operations();
  answer.id = job.id;
  answer.magic = std::move(work.facts.magic);
  answer.head = std::move(work.facts.head);
  answer.sha256 = std::move(work.facts.sha256);
  answer.sha1 = std::move(work.facts.sha1);
  answer.md5 = std::move(work.facts.md5);
  answer.rules_done = std::move(work.facts.rules_done);
  answer.rules = std::move(work.facts.rules);
  return answer;
}

bool ContentReader::read_to(Work& work, std::size_t size) {
  size =
      std::min({size, static_cast<std::size_t>(work.facts.identity.size), limits::kRuleFileBytes});
  if (work.have >= size) return true;
  if (const auto read = work.bytes.read({buffer_.get() + work.have, size - work.have}, work.have);
      !read)
    return work.fail(read.error());
  work.have = size;
  return true;
}

std::size_t ContentReader::still_open(Work& work) const {
  std::erase_if(work.open, [&](std::uint16_t detection) {
    return matcher_.match(detection, work.facts) == Truth::kNo;
  });
  return work.open.size();
}

void ContentReader::ask_rules(Work& work) const {
  for (const std::uint16_t detection : work.open)
    if (const int rule = matcher_.detection(detection).rule; rule >= 0)
      work.rules.push_back(static_cast<std::uint16_t>(rule));
}

void ContentReader::read_rules(Work& work) {
  const std::size_t size = work.facts.identity.size;
  std::vector<YaraBlock> parts(1);
  work.search = rules_.begin_search(work.rules);
  if (size <= kHeldBytes) {
    if (!read_to(work, size)) return;
    rules_.search(work.search, work.content());
  } else {
    if (const auto searched = search_in_parts(work); !searched)
      return static_cast<void>(work.fail(searched.error()));
    if (!take_more_for_rules(work, parts)) return;
  }
  parts.front() = {0, work.content()};
  run_rules(work, parts);
}

void ContentReader::run_rules(Work& work, std::span<const YaraBlock> parts) {
  const BytesView start = parts.front().bytes;
  const auto deadline = std::chrono::steady_clock::now() + kRulesTimeout;
  for (const std::uint16_t index : work.rules) {
    auto& done = work.facts.rules_done;
    if (std::find(done.begin(), done.end(), index) != done.end()) continue;
    const YaraRules& compiled = rules_[index];
    bool complete = true;
    const bool may_match = work.search.may_match[index];
    if (may_match) {
      if (work.facts.magic.empty()) work.facts.magic = magic_of(start);
      const std::string_view path = work.facts.path();
      const std::string_view name = path.substr(path.rfind('/') + 1);
      YaraExternals externals{std::string(name),
                              std::string(path.substr(0, path.size() - name.size())),
                              std::string(extension_of(name)),
                              work.facts.magic,
                              work.job.owner,
                              {}};
      if (compiled.uses_md5() && hash(work, {.md5 = true})) externals.md5 = work.facts.md5;
      const auto left = std::chrono::ceil<Seconds>(deadline - std::chrono::steady_clock::now());
      auto matches =
          compiled.scan(parts, work.facts.identity.size, externals, std::max(left, Seconds(1)));
      complete = matches.has_value();
      if (!matches) work.answer.detail = matches.error().message;
      if (matches)
        for (auto& match : *matches) work.facts.rules.emplace_back(index, std::move(match));
    }
    if (complete && (work.is_whole() || !may_match)) {
      done.push_back(index);
      continue;
    }
    if (!work.is_whole()) work.answer.partial = true;
    work.leave_out(fmt::format("larger than {} bytes: rules saw its first {} and last {}",
                               limits::kRuleFileBytes, limits::kRuleHeadBytes,
                               limits::kRuleTailBytes));
  }
}

// Hashes of one content, told in parts.
class ContentReader::Hashing {
 public:
  Hashing(ContentReader& reader, FileFacts& facts, Hashes wanted)
      : targets_{{reader.sha256_, facts.sha256, wanted.sha256},
                 {reader.sha1_, facts.sha1, wanted.sha1},
                 {reader.md5_, facts.md5, wanted.md5}} {
    for (Target& target : targets_) target.hash.reset();
  }
  void update(BytesView bytes) {
    for (Target& target : targets_)
      if (target.is_open()) target.hash.update(bytes);
  }
  void finish() {
    for (Target& target : targets_)
      if (target.is_open()) target.text = to_hex(target.hash.finish());
  }

 private:
  struct Target {
    crypto::BulkHash& hash;
    std::string& text;
    bool wanted;
    bool is_open() const { return wanted && text.empty(); }
  } targets_[3];
};

Status ContentReader::search_in_parts(Work& work) {
  const auto layout = work.bytes.layout();
  if (layout.data_bytes > limits::kReadFileBytes) {
    work.search.may_match.assign(rules_.size(), true);
    return {};
  }
  if (work.search.closed == 0) return {};
  // Holes are not told in full.
  const Hashes wanted = layout.hole_bytes == 0 ? hashes_for(work, false) : Hashes{};
  Hashing hashing(*this, work.facts, wanted);
  bool is_complete = true;
  FS_CHECK(work.bytes.each_window(rule_text::kGateBytesMax, room_,
                                  [&](BytesView window, BytesView fresh) {
                                    rules_.search(work.search, window);
                                    hashing.update(fresh);
                                    return is_complete = work.search.closed != 0;
                                  }));
  if (is_complete) hashing.finish();
  return {};
}

// Where a rule may match: all of the file, or its head and tail.
bool ContentReader::take_more_for_rules(Work& work, std::vector<YaraBlock>& parts) {
  const auto is_wanted = [&](std::uint16_t rule) { return work.search.may_match[rule]; };
  if (std::none_of(work.rules.begin(), work.rules.end(), is_wanted)) return true;
  const std::size_t size = work.facts.identity.size;
  if (size <= limits::kRuleFileBytes) return read_to(work, size);
  if (!read_to(work, limits::kRuleHeadBytes)) return false;
  const std::uint64_t base = size - limits::kRuleTailBytes;
  const std::span<std::uint8_t> tail(buffer_.get() + work.have, limits::kRuleTailBytes);
  if (const auto read = work.bytes.read(tail, base); !read) return work.fail(read.error());
  parts.push_back({base, tail});
  return true;
}

// SHA-256 always: it is the identity to which an action will be bound. Nothing where no open
// detection will need them; those that wait for a rule count only with `rules`.
ContentReader::Hashes ContentReader::hashes_for(const Work& work, bool rules) const {
  Hashes wanted;
  for (const std::uint16_t detection : work.open) {
    const Needs& needs = matcher_.needs(detection);
    if (needs.rule && !rules) continue;
    wanted.sha256 = true;
    wanted.sha1 |= needs.sha1;
    wanted.md5 |= needs.md5;
  }
  return wanted;
}

// From the buffer, and from the file where that is longer.
bool ContentReader::hash(Work& work, Hashes wanted) {
  const auto& facts = work.facts;
  if ((!wanted.sha256 || !facts.sha256.empty()) && (!wanted.sha1 || !facts.sha1.empty()) &&
      (!wanted.md5 || !facts.md5.empty()))
    return true;
  const auto layout = work.is_whole() ? FileBytes::Layout{} : work.bytes.layout();
  if (layout.data_bytes > limits::kReadFileBytes || layout.hole_bytes > limits::kHashedHoleBytes) {
    work.answer.partial = true;
    work.leave_out(fmt::format("{} bytes and holes of {}: not hashed above {} and {}",
                               layout.data_bytes, layout.hole_bytes, limits::kReadFileBytes,
                               limits::kHashedHoleBytes));
    return false;
  }
  Hashing hashing(*this, work.facts, wanted);
  hashing.update(work.content());
  if (!work.is_whole()) {
    const auto read = work.bytes.each_block(work.have, room_, [&](BytesView block) {
      hashing.update(block);
      return true;
    });
    if (!read) return work.fail(read.error());
  }
  hashing.finish();
  return true;
}

void ContentReader::read_file(Work& work) {
  const std::size_t size = work.facts.identity.size;

  bool rules = false, magic = false;
  std::size_t head = 0;
  for (const std::uint16_t detection : work.job.wanted) {
    const Needs& needs = matcher_.needs(detection);
    rules |= needs.rule;
    magic |= needs.magic;
    head = std::max(head, needs.head_bytes);
  }
  if (!read_to(work, size <= kWholeBytes ? size : std::max(head, kMagicBytes))) return;
  const BytesView start = work.content();
  work.facts.stage = FileStage::kHead;
  // Telling text from data looks at every byte: only where somebody asks.
  if (magic) work.facts.magic = magic_of(start);
  work.facts.head = to_bytes(start.first(std::min(head, work.have)));
  if (still_open(work) == 0) return;

  if (rules) {
    ask_rules(work);
    read_rules(work);
    if (is_unread(work.answer)) return;
    // Where a rule saw only the start no hash will decide: a hole of a terabyte is not read for it.
    if (work.answer.status == Answer::Status::kPartial)
      std::erase_if(work.open, [&](std::uint16_t detection) {
        const Needs& needs = matcher_.needs(detection);
        return needs.rule && !needs.sha256 && !needs.sha1 && !needs.md5 &&
               matcher_.match(detection, work.facts) == Truth::kUnknown;
      });
  }
  work.facts.stage = FileStage::kContent;
  if (still_open(work) == 0) return;
  static_cast<void>(hash(work, hashes_for(work, true)));
}

void ContentReader::read_members(Work& work) {
  std::vector<std::uint16_t> asked = work.job.wanted;
  std::sort(asked.begin(), asked.end());
  std::vector<std::uint16_t> kept;
  for (const std::uint16_t detection : asked) {
    const int parent = matcher_.detection(detection).for_each;
    const bool is_joined = matcher_.is_about_parent(detection) &&
                           std::find(kept.begin(), kept.end(), parent) != kept.end();
    if (matcher_.detection(detection).scope.archives || is_joined) kept.push_back(detection);
  }
  if (kept.empty() || !may_be_archive(work)) return;
  const std::uint64_t size = work.facts.identity.size;
  const ArchiveSource source{
      size, [&](std::span<std::uint8_t> target, std::uint64_t offset) {
        const std::uint64_t left = size - std::min(size, offset);
        const auto part = target.first(std::min<std::uint64_t>(left, target.size()));
        if (part.empty()) return std::int64_t{0};
        return work.bytes.read(part, offset) ? static_cast<std::int64_t>(part.size())
                                             : std::int64_t{-1};
      }};
  const std::string& path = work.facts.identity.path;
  const Unpacked unpacked = unpack(source, path.substr(path.rfind('/') + 1),
                                   [&](const Member& member) { read_member(work, kept, member); });
  work.have = 0;  // members lay in the buffer
  if (work.answer.left_out.empty()) work.answer.left_out = unpacked.left_out;
  work.answer.is_cut_off |= unpacked.is_cut_off;
  // What is found in it is bound to the archive.
  if (!work.answer.members.empty()) static_cast<void>(hash(work, {.sha256 = true}));
}

bool ContentReader::may_be_archive(Work& work) const {
  if (scan::may_be_archive(work.content().first(std::min(work.have, kMagicBytes)))) return true;
  std::uint8_t mark[5];
  return work.facts.identity.size > kIsoMarkAt + sizeof mark && work.bytes.read(mark, kIsoMarkAt) &&
         is_iso_mark(mark);
}

void ContentReader::read_member(Work& work, const std::vector<std::uint16_t>& asked,
                                const Member& found) {
  Work member{work.job, {-1, 0}, buffer_.get()};
  member.facts = facts_of({.path = found.path, .size = found.size}, work.job.facts);
  // What is held, and how much: here a member is a file of its own.
  member.facts.identity.size = found.size;
  member.open = asked;
  if (still_open(member) == 0) return;
  if (found.is_complete) {
    std::copy(found.content.begin(), found.content.end(), buffer_.get());
    member.have = found.content.size();
    const BytesView content = member.content();
    std::size_t head = 0;
    for (const std::uint16_t detection : asked)
      head = std::max(head, matcher_.needs(detection).head_bytes);
    member.facts.stage = FileStage::kHead;
    member.facts.magic = magic_of(content);
    member.facts.head = to_bytes(content.first(std::min(head, content.size())));
    if (still_open(member) == 0) return;
    const YaraBlock whole{0, content};
    ask_rules(member);
    member.search = rules_.begin_search(member.rules);
    rules_.search(member.search, content);
    run_rules(member, {&whole, 1});
    member.facts.stage = FileStage::kContent;
    if (still_open(member) > 0) hash(member, {.sha256 = true, .sha1 = true, .md5 = true});
    if (still_open(member) == 0) return;
  }
  if (!member.answer.detail.empty() && work.answer.left_out.empty())
    work.answer.left_out = found.path + ": " + member.answer.detail;
  if (work.answer.members.size() >= kMembersFound) {
    work.answer.left_out = fmt::format("more than {} members that match", kMembersFound);
    work.answer.is_cut_off = true;
    return;
  }
  FileFacts& facts = member.facts;
  work.answer.members.push_back({.path = found.path,
                                 .size = found.size,
                                 .is_read = found.is_complete,
                                 .magic = std::move(facts.magic),
                                 .head = std::move(facts.head),
                                 .sha256 = std::move(facts.sha256),
                                 .sha1 = std::move(facts.sha1),
                                 .md5 = std::move(facts.md5),
                                 .rules_done = std::move(facts.rules_done),
                                 .rules = std::move(facts.rules)});
}

void ContentReader::read_entries(Work& work) {
  const std::size_t size = work.facts.identity.size;
  const Hashes wanted{.sha256 = true, .md5 = work.job.md5};
  if (work.job.format == Format::kWhole) {  // a program may be large; nothing is read in it
    work.answer.entries_read = hash(work, wanted);
    if (work.answer.entries_read)
      work.answer.entries =
          parse_persistence(work.job.format, work.facts.identity.path, work.job.user, {});
    return;
  }
  if (size > limits::kPersistenceBytes) {
    work.answer.detail =
        fmt::format("larger than {} bytes for a file of this kind", limits::kPersistenceBytes);
    return;
  }
  if (!read_to(work, size) || !hash(work, wanted)) return;
  work.answer.entries_read = true;
  const std::string_view text = as_text(work.content());
  const std::string& path = work.facts.identity.path;
  work.answer.entries = parse_persistence(
      work.job.format, work.job.unit.empty() ? path : work.job.unit, work.job.user, text);
  work.answer.followed = followed_files(work.job.format, path, text);
}

void ContentReader::read_registry(Work& work) {
  const std::uint64_t size = work.facts.identity.size;
  const auto failed = [&](std::string detail) {
    work.answer.status = Answer::Status::kFailed;
    work.answer.detail = std::move(detail);
  };
  if (size > limits::kHiveBytes)
    return failed(fmt::format("larger than {} bytes for a hive", limits::kHiveBytes));
  Bytes content(size);
  if (const auto all = work.bytes.read(content, 0); !all)
    return static_cast<void>(work.fail(all.error()));
  sha256_.reset();
  sha256_.update(content);
  work.facts.sha256 = to_hex(sha256_.finish());
  auto read = read_hive(work.job.hive, content, wanted_keys_, work.answer.detail);
  if (!read) return failed(read.error().message);
  work.answer.hive = std::move(*read);
}

}  // namespace fleetsweep::scan
