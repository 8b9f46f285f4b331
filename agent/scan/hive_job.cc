#include "agent/scan/hive_job.h"

#include <set>

#include "agent/hive/task.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

template <class Read>
void read_list(Reader& reader, std::size_t most, Read read) {
  const std::uint64_t count = reader.number();
  if (count > most) reader.spoil();
  for (std::uint64_t i = 0; i < count && !reader.is_bad(); ++i) read();
}

template <class Enum>
Enum read_one_of(Reader& reader, Enum last) {
  const std::uint8_t value = reader.small();
  if (value > static_cast<std::uint8_t>(last)) reader.spoil();
  return reader.is_bad() ? Enum{} : static_cast<Enum>(value);
}

}  // namespace

Result<HiveAnswer> read_hive(HiveJob job, BytesView content, const hive::Wanted& wanted,
                             std::string& detail) {
  HiveAnswer answer;
  if (job.kind == HiveJob::Kind::kLog) {
    answer.sequence = hive::last_logged(content).value_or(0);
    return answer;
  }
  if (job.kind == HiveJob::Kind::kTask) {
    answer.starts = hive::read_task(as_text(content));
    return answer;
  }
  FS_TRY(const hive::Hive hive, hive::Hive::open(content));
  bool complete = true;
  answer.is_dirty = hive.is_dirty();
  answer.sequence = hive.sequence();
  if (job.role == hive::Role::kSoftware) {
    answer.version = hive::version_of(hive);
    answer.profiles = hive::profiles_of(hive, complete);
  }
  auto starts = hive::autostarts_of(hive, job.role);
  answer.starts = std::move(starts.entries);
  auto values = hive::values_of(hive, job.role, wanted);
  answer.values = std::move(values.values);
  const auto add = [&](std::string_view sentence) {
    detail += fmt::format("{}{}", detail.empty() ? "" : "; ", sentence);
  };
  if (answer.is_dirty)
    add("read as it stands: Windows did not bring it to its end, and its log holds the rest");
  else if (hive.is_damaged())
    add(hive.damage());
  if (!complete)
    add(fmt::format("more than {} profiles: the rest was left out", limits::kWindowsProfiles));
  if (!starts.is_complete)
    add(fmt::format("more than {} entries, or {} bytes of them: the rest was left out",
                    limits::kPersistenceEntries, hive::kAutostartBytes));
  if (!values.is_complete)
    add(fmt::format("more than {} values, or {} bytes of them: the rest was left out",
                    limits::kRegistryValues, hive::kValueBytes));
  for (const std::string& cut : std::set{starts.cut, values.cut})
    if (!cut.empty())
      add(fmt::format("of {} no more than {} bytes of data were looked at", escaped(cut),
                      limits::kLineBytes));
  if (!starts.link.empty())
    add(fmt::format("{} is a link: what Windows starts behind it was not looked at",
                    escaped(starts.link)));
  return answer;
}

void write(Writer& writer, const HiveJob& job) {
  writer.small(static_cast<std::uint8_t>(job.kind));
  writer.small(static_cast<std::uint8_t>(job.role));
}

HiveJob read_hive_job(Reader& reader) {
  HiveJob job;
  job.kind = read_one_of(reader, HiveJob::Kind::kTask);
  job.role = read_one_of(reader, hive::Role::kUserClasses);
  return job;
}

void write(Writer& writer, const HiveAnswer& answer) {
  writer.small(answer.is_dirty);
  writer.number(answer.sequence);
  writer.text(answer.version);
  writer.number(answer.profiles.size());
  for (const std::string& profile : answer.profiles) writer.text(profile);
  writer.number(answer.starts.size());
  for (const hive::Autostart& start : answer.starts) {
    writer.small(static_cast<std::uint8_t>(start.kind));
    for (const std::string* text : {&start.name, &start.entry, &start.command, &start.user})
      writer.text(*text);
  }
  writer.number(answer.values.size());
  for (const hive::RegistryValue& value : answer.values)
    for (const std::string* text : {&value.key, &value.name, &value.type, &value.data})
      writer.text(*text);
}

HiveAnswer read_hive_answer(Reader& reader) {
  HiveAnswer answer;
  answer.is_dirty = reader.small() != 0;
  answer.sequence = static_cast<std::uint32_t>(reader.number());
  answer.version = escaped(reader.text().substr(0, limits::kTextBytes));
  read_list(reader, limits::kWindowsProfiles, [&] { answer.profiles.push_back(reader.text()); });
  read_list(reader, limits::kPersistenceEntries, [&] {
    hive::Autostart start;
    start.kind = read_one_of(reader, model::PersistenceKind::kWindowsWinlogon);
    for (std::string* text : {&start.name, &start.entry, &start.command, &start.user})
      *text = reader.text();
    answer.starts.push_back(std::move(start));
  });
  read_list(reader, limits::kRegistryValues, [&] {
    hive::RegistryValue value;
    for (std::string* text : {&value.key, &value.name, &value.type, &value.data})
      *text = reader.text();
    answer.values.push_back(std::move(value));
  });
  return answer;
}

}  // namespace fleetsweep::scan
