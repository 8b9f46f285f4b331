#include "agent/scan/job.h"

#include <algorithm>

#include "agent/scan/root.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

// Counts before lists; a count that the bytes cannot hold ends the reading.
template <class Read>
void read_list(Reader& reader, std::size_t most, Read read) {
  const std::uint64_t count = reader.number();
  if (count > most) reader.spoil();
  for (std::uint64_t i = 0; i < count && !reader.is_bad(); ++i) read();
}

std::string hash_text(Reader& reader, std::size_t bytes) {
  std::string text = reader.text();
  const bool fine = text.size() == 2 * bytes && std::all_of(text.begin(), text.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  return fine ? text : std::string();
}

Format read_format(Reader& reader) {
  const std::uint8_t value = reader.small();
  if (value >= model::kEntryFormats) reader.spoil();
  return value < model::kEntryFormats ? static_cast<Format>(value) : Format::kLines;
}

bool is_identifier(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

constexpr std::size_t kRuleMatches = 1024;
constexpr std::size_t kRuleNameBytes = 128;

// What an answer says of the content, of a file or of a member.
void write_content(Writer& writer, const auto& answer) {
  writer.text(answer.magic);
  writer.text(as_text(answer.head));
  for (const std::string* hash : {&answer.sha256, &answer.sha1, &answer.md5}) writer.text(*hash);
  writer.number(answer.rules_done.size());
  for (const std::uint16_t rule : answer.rules_done) writer.number(rule);
  writer.number(answer.rules.size());
  for (const auto& [rule, match] : answer.rules) {
    writer.number(rule);
    writer.text(match.name);
    writer.number(match.strings.size());
    for (const auto& string : match.strings) {
      writer.text(string.name);
      writer.number(string.offset);
    }
  }
}

void read_content(Reader& reader, auto& answer) {
  answer.magic = reader.text();
  answer.head = to_bytes(reader.text());
  answer.sha256 = hash_text(reader, 32);
  answer.sha1 = hash_text(reader, 20);
  answer.md5 = hash_text(reader, 16);
  read_list(reader, limits::kRules * limits::kSweepPolicies,
            [&] { answer.rules_done.push_back(static_cast<std::uint16_t>(reader.number())); });
  read_list(reader, kRuleMatches, [&] {
    const auto rule = static_cast<std::uint16_t>(reader.number());
    const auto identifier = [&] {
      std::string text = reader.text().substr(0, kRuleNameBytes);
      std::erase_if(text, [](char c) { return !is_identifier(c); });
      return text;
    };
    model::RuleMatch match{.name = identifier(), .strings = {}};
    read_list(reader, limits::kRuleStrings, [&] {
      std::string string = "$" + identifier();
      match.strings.push_back({std::move(string), reader.number()});
    });
    answer.rules.emplace_back(rule, std::move(match));
  });
}

void apply_content(const auto& answer, FileFacts& facts) {
  facts.stage = FileStage::kContent;
  facts.magic = answer.magic;
  facts.head = answer.head;
  facts.sha256 = answer.sha256;
  facts.sha1 = answer.sha1;
  facts.md5 = answer.md5;
  facts.rules_done = answer.rules_done;
  facts.rules = answer.rules;
}

}  // namespace

void apply(const Answer& answer, FileFacts& facts) {
  apply_content(answer, facts);
  facts.partial = answer.partial;
  if (const auto digest = Digest::parse_hex(answer.sha256)) facts.identity.sha256 = *digest;
}

FileFacts facts_of(const MemberAnswer& member, const FileFacts& facts) {
  FileFacts result = facts;
  result.member_path = facts.identity.path + "/" + member.path;
  result.member_size = member.size;
  result.partial = false;
  apply_content(member, result);
  if (!member.is_read) result.stage = FileStage::kStat;
  return result;
}

void write(Writer& writer, const Job& job) {
  const model::FileIdentity& identity = job.facts.identity;
  writer.number(job.id);
  writer.text(identity.path);
  writer.number(job.facts.aliases.size());
  for (const std::string& alias : job.facts.aliases) writer.text(alias);
  for (const std::uint64_t value : {identity.size, static_cast<std::uint64_t>(identity.mtime_ns),
                                    static_cast<std::uint64_t>(identity.ctime_ns)})
    writer.number(value);
  writer.small(job.facts.mtime_delta_ms.has_value());
  writer.number(static_cast<std::uint64_t>(job.facts.mtime_delta_ms.value_or(0)));
  writer.small(job.facts.package_owned ? 1 + *job.facts.package_owned : 0);
  writer.text(job.owner);
  writer.number(job.wanted.size());
  for (const std::uint16_t detection : job.wanted) writer.number(detection);
  writer.small(job.hash);
  writer.number(job.rules.size());
  for (const std::uint16_t rule : job.rules) writer.number(rule);
  writer.small(job.entries);
  writer.small(job.md5);
  writer.small(static_cast<std::uint8_t>(job.format));
  writer.text(job.user);
  writer.text(job.unit);
  write(writer, job.hive);
}

Job read_job(Reader& reader) {
  Job job;
  model::FileIdentity& identity = job.facts.identity;
  job.id = reader.number();
  identity.path = reader.text();
  read_list(reader, kAliasesMax + 1, [&] { job.facts.aliases.push_back(reader.text()); });
  identity.size = reader.number();
  identity.mtime_ns = static_cast<std::int64_t>(reader.number());
  identity.ctime_ns = static_cast<std::int64_t>(reader.number());
  const bool has_delta = reader.small() != 0;
  const auto delta = static_cast<std::int64_t>(reader.number());
  if (has_delta) job.facts.mtime_delta_ms = delta;
  if (const std::uint8_t owned = reader.small()) job.facts.package_owned = owned == 2;
  job.owner = reader.text();
  read_list(reader, limits::kDetections * limits::kSweepPolicies,
            [&] { job.wanted.push_back(static_cast<std::uint16_t>(reader.number())); });
  job.hash = reader.small() != 0;
  read_list(reader, limits::kRules,
            [&] { job.rules.push_back(static_cast<std::uint16_t>(reader.number())); });
  job.entries = reader.small() != 0;
  job.md5 = reader.small() != 0;
  job.format = read_format(reader);
  job.user = reader.text();
  job.unit = reader.text();
  job.hive = read_hive_job(reader);
  job.facts.stage = FileStage::kStat;
  return job;
}

void write(Writer& writer, const Answer& answer) {
  writer.number(answer.id);
  writer.small(static_cast<std::uint8_t>(answer.status));
  writer.text(answer.detail);
  writer.small(answer.partial);
  writer.number(answer.bytes);
  writer.number(answer.operations);
  write_content(writer, answer);
  writer.number(answer.members.size());
  for (const MemberAnswer& member : answer.members) {
    writer.text(member.path);
    writer.number(member.size);
    writer.small(member.is_read);
    write_content(writer, member);
  }
  writer.text(answer.left_out);
  writer.small(answer.is_cut_off);
  writer.small(answer.entries_read);
  writer.number(answer.entries.size());
  for (const PersistenceEntry& entry : answer.entries) {
    writer.text(entry.name);
    writer.text(entry.entry);
    writer.text(entry.command);
    writer.text(entry.user);
    writer.number(entry.line);
    writer.small(entry.of_loader);
  }
  writer.number(answer.followed.size());
  for (const FollowedFile& file : answer.followed) {
    writer.small(static_cast<std::uint8_t>(file.format));
    writer.text(file.path);
  }
  write(writer, answer.hive);
}

Answer read_answer(Reader& reader) {
  Answer answer;
  answer.id = reader.number();
  const std::uint8_t status = reader.small();
  answer.status = status > static_cast<std::uint8_t>(Answer::Status::kPartial)
                      ? Answer::Status::kFailed
                      : static_cast<Answer::Status>(status);
  answer.detail = escaped(reader.text().substr(0, limits::kTextBytes));
  answer.partial = reader.small() != 0;
  answer.bytes = reader.number();
  answer.operations = reader.number();
  read_content(reader, answer);
  read_list(reader, kMembersFound, [&] {
    MemberAnswer member;
    member.path = reader.text().substr(0, limits::kPathBytes);
    member.size = reader.number();
    member.is_read = reader.small() != 0;
    read_content(reader, member);
    answer.members.push_back(std::move(member));
  });
  answer.left_out = escaped(reader.text().substr(0, limits::kTextBytes));
  answer.is_cut_off = reader.small() != 0;
  answer.entries_read = reader.small() != 0;
  read_list(reader, limits::kPersistenceEntries, [&] {
    PersistenceEntry entry;
    entry.name = reader.text();
    entry.entry = reader.text();
    entry.command = reader.text();
    entry.user = reader.text();
    entry.line = static_cast<std::uint32_t>(reader.number());
    entry.of_loader = reader.small() != 0;
    answer.entries.push_back(std::move(entry));
  });
  read_list(reader, limits::kPersistenceFollowed, [&] {
    const Format format = read_format(reader);
    std::string path = reader.text().substr(0, limits::kPathBytes);
    if (path.starts_with('/') || path.starts_with("@home/"))
      answer.followed.push_back({format, std::move(path)});
  });
  answer.hive = read_hive_answer(reader);
  return answer;
}

}  // namespace fleetsweep::scan
