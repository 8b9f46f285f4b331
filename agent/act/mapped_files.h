#pragma once

// Which files processes have mapped.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/act/files.h"

namespace fleetsweep::act {

// As stat(2) tells of it at this path, or as /proc/PID/maps does.
struct MappedFile {
  std::uint64_t inode = 0;  // first: it is looked up by it
  std::uint64_t device = 0;
  std::string path;  // without " (deleted)"; empty: not known, or not beneath the root
  auto operator<=>(const MappedFile&) const = default;
};

// Of the text of /proc/PID/maps, each once; paths as they stand there.
std::vector<MappedFile> mapped_files(std::string_view maps);
// Of a process, however long its list is: who maps a file in many pieces would hide behind it.
std::vector<MappedFile> files_mapped_by(const Tree& tree, std::int32_t pid);

// Whether what stands in the maps is this file. btrfs has one device there and another for stat(2),
// neither of a disk: then its path counts, for each subvolume numbers its files anew.
bool is_of(const MappedFile& in_maps, const MappedFile& file);

template <class Mapper, class Visit>
void each_mapper(const std::multimap<MappedFile, Mapper>& mappers, const MappedFile& file,
                 const Visit& visit) {
  for (auto at = mappers.lower_bound(MappedFile{file.inode, 0, {}});
       at != mappers.end() && at->first.inode == file.inode; ++at)
    if (is_of(at->first, file)) visit(at->second);
}

}  // namespace fleetsweep::act
