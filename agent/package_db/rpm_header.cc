#include "agent/package_db/rpm_header.h"

#include <climits>
#include <optional>

#include "protocol/base/limits.h"

namespace fleetsweep {

namespace {

// rpmtag.h
enum Tag : std::uint32_t {
  kName = 1000,
  kVersion = 1001,
  kRelease = 1002,
  kArchitecture = 1022,
  kOldFileNames = 1027,
  kFileStates = 1029,
  kFileDigests = 1035,
  kFolderIndexes = 1116,
  kBaseNames = 1117,
  kFolderNames = 1118,
};
enum Type : std::uint32_t { kChar = 1, kInt32 = 4, kString = 6, kStringArray = 8 };
enum State : std::uint8_t { kNormal = 0, kReplaced = 1 };  // rpmfiles.h
constexpr std::size_t kEntryBytes = 16;

Error damaged(std::string_view what) {
  return {Code::kInvalid, fmt::format("a package of rpm's that does not parse: {}", what)};
}

std::uint32_t number(BytesView bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24 |
         static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

class Header {
 public:
  static Result<Header> open(BytesView bytes) {
    if (bytes.size() < 8) return fail(damaged("its beginning"));
    const std::uint64_t entries = number(bytes, 0), data = number(bytes, 4);
    if (8 + entries * kEntryBytes + data != bytes.size()) return fail(damaged("its size"));
    return Header(bytes.subspan(8, entries * kEntryBytes),
                  bytes.subspan(8 + entries * kEntryBytes));
  }

  // None if there is no such tag of this type.
  Result<std::vector<std::string_view>> texts(std::uint32_t tag, std::uint32_t type) const {
    std::vector<std::string_view> result;
    const auto entry = find(tag, type);
    if (!entry) return result;
    std::string_view rest = as_text(data_.subspan(entry->offset));
    if (entry->count > rest.size()) return fail(damaged("more texts than bytes"));
    for (std::uint32_t i = 0; i < entry->count; ++i) {
      const std::size_t end = rest.find('\0');
      if (end == std::string_view::npos) return fail(damaged("a text without an end"));
      result.push_back(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    return result;
  }
  Result<std::string> text(std::uint32_t tag) const {
    FS_TRY(const auto all, texts(tag, kString));
    return all.empty() ? std::string() : std::string(all.front());
  }
  Result<std::vector<std::uint32_t>> numbers(std::uint32_t tag) const {
    std::vector<std::uint32_t> result;
    const auto entry = find(tag, kInt32);
    if (!entry) return result;
    if (entry->count > (data_.size() - entry->offset) / 4) return fail(damaged("too many numbers"));
    for (std::uint32_t i = 0; i < entry->count; ++i)
      result.push_back(number(data_, entry->offset + std::size_t{4} * i));
    return result;
  }
  Result<BytesView> characters(std::uint32_t tag) const {
    const auto entry = find(tag, kChar);
    if (!entry) return BytesView();
    if (entry->count > data_.size() - entry->offset) return fail(damaged("too many characters"));
    return data_.subspan(entry->offset, entry->count);
  }

 private:
  struct Entry {
    std::size_t offset = 0;
    std::uint32_t count = 0;
  };
  Header(BytesView index, BytesView data) : index_(index), data_(data) {}

  std::optional<Entry> find(std::uint32_t tag, std::uint32_t type) const {
    for (std::size_t at = 0; at < index_.size(); at += kEntryBytes)
      if (number(index_, at) == tag && number(index_, at + 4) == type &&
          number(index_, at + 8) <= data_.size())
        return Entry{number(index_, at + 8), number(index_, at + 12)};
    return std::nullopt;
  }

  BytesView index_, data_;
};

Result<std::vector<std::string>> paths_of(const Header& header) {
  std::vector<std::string> paths;
  FS_TRY(const auto old_names, header.texts(kOldFileNames, kStringArray));
  for (const auto name : old_names) paths.emplace_back(name);
  FS_TRY(const auto names, header.texts(kBaseNames, kStringArray));
  FS_TRY(const auto folders, header.texts(kFolderNames, kStringArray));
  FS_TRY(const auto indexes, header.numbers(kFolderIndexes));
  if (indexes.size() != names.size()) return fail(damaged("names without folders"));
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (indexes[i] >= folders.size()) return fail(damaged("a folder that is not there"));
    if (folders[indexes[i]].size() + names[i].size() > PATH_MAX)
      return fail(damaged("a path that no file can have"));
    paths.push_back(std::string(folders[indexes[i]]) + std::string(names[i]));
  }
  if (paths.size() > limits::kPackageFiles)
    return fail(damaged(fmt::format("more than {} files", limits::kPackageFiles)));
  return paths;
}

}  // namespace

Result<RpmPackage> parse_rpm_header(BytesView bytes) {
  FS_TRY(const Header header, Header::open(bytes));
  RpmPackage package;
  FS_TRY(const std::string name, header.text(kName));
  FS_TRY(const std::string version, header.text(kVersion));
  FS_TRY(const std::string release, header.text(kRelease));
  FS_TRY(const std::string architecture, header.text(kArchitecture));
  package.name = fmt::format("{}-{}-{}{}{}", name, version, release,
                             architecture.empty() ? "" : ".", architecture);
  FS_TRY(const auto paths, paths_of(header));
  FS_TRY(const auto digests, header.texts(kFileDigests, kStringArray));
  FS_TRY(const auto states, header.characters(kFileStates));
  for (std::size_t i = 0; i < paths.size(); ++i) {
    // Left out on this host (--excludedocs, %_netsharedpath): who has put one there is not rpm.
    if (i < states.size() && states[i] != kNormal && states[i] != kReplaced) continue;
    RpmFile file{paths[i], {}};
    // The length says which it is, as long as it is one of these two.
    if (i < digests.size() && (digests[i].size() == 32 || digests[i].size() == 64))
      file.digest = digests[i];
    package.files.push_back(std::move(file));
  }
  return package;
}

}  // namespace fleetsweep
