// What an agent reads on a host that somebody else may have written: persistence files, /proc, YARA
// sources, dpkg's database, its own journal and vault, configuration. The first byte chooses.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/act/lines.h"
#include "agent/act/metadata.h"
#include "agent/act/transaction.h"
#include "agent/package_db/package_db.h"
#include "agent/scan/job.h"
#include "agent/scan/persistence.h"
#include "agent/scan/process.h"
#include "agent/scan/yara/source.h"
#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/config/config.h"
#include "protocol/runtime/http/address.h"

namespace {

using namespace fleetsweep;

constexpr auto kFormats = static_cast<std::uint8_t>(scan::Format::kLibraries) + 1;

void parse_entries(std::uint8_t format, std::string_view text) {
  for (const auto& entry :
       scan::parse_persistence(static_cast<scan::Format>(format), "/etc/file", "user", text)) {
    // What is found in a file must be a line of it, or removing it would remove something else.
    if (!entry.entry.empty()) FS_ASSERT(text.find(entry.entry) != std::string_view::npos);
  }
}

void edit(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (const auto without = act::without_line(text, line)) {
    FS_ASSERT(without->size() < text.size());
    FS_ASSERT(!act::without_line(*without, line));
    if (const auto back = act::with_line_back(text, *without, line)) FS_ASSERT(*back == text);
  }
}

// Local records are not signed, so several bytes may mean one record; but what is written must mean
// what was read.
template <class T>
void decode_again(Result<T> (*decode)(BytesView), BytesView bytes) {
  if (const auto value = decode(bytes)) FS_ASSERT(decode(act::encode(*value)).value() == *value);
}

void configure(std::string_view text) {
  auto reader = config::Reader::parse(text, "fuzz.conf");
  reader.required("state");
  reader.list("witness");
  reader.number("agents_max", 1, 1, 100);
  reader.duration("heartbeat", Seconds(5));
  reader.flag("json", false);
  (void)reader.finish();
}

// A .list, a .md5sums and a status file of dpkg, with a NUL between them.
void own(std::string_view text) {
  const auto cut = [&] {
    const std::string_view part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
  };
  const std::string_view list = cut(), sums = cut();
  PackageDb packages;
  packages.add("sample", list, sums);
  packages.add_status(text);
  const std::string_view path = list.substr(0, list.find('\n'));
  const auto md5 = packages.recorded_md5(path);
  if (md5) FS_ASSERT(packages.owner(path) == "sample" && packages.intact(path, *md5));
}

void parse_one(std::uint8_t which, BytesView bytes) {
  const std::string_view text = as_text(bytes);
  if (which < kFormats) return parse_entries(which, text);
  switch (which - kFormats) {
    case 0:
      return (void)scan::parse_socket_line(text);
    case 1:
      return (void)scan::parse_stat_line(text);
    case 2:
      return (void)scan::read_yara(text, 4);
    case 3:
      return decode_again(act::decode_record, bytes);
    case 4:
      return decode_again(act::decode_metadata, bytes);
    case 5:
      return edit(text);
    case 6:
      return configure(text);
    case 7:
      (void)http::parse_url(text);
      return (void)http::parse_address(text);
    default:
      own(text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) parse_one(data[0] % (kFormats + 9), {data + 1, size - 1});
  return 0;
}
