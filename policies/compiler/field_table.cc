#include "policies/compiler/field_table.h"

#include <algorithm>
#include <iterator>

#include "protocol/base/assert.h"
#include "protocol/model/finding.h"

namespace fleetsweep::compiler {
namespace {

using model::Field;

constexpr std::string_view kMagics[] = {"elf", "pe", "script", "gzip", "zip", "text", "data"};
constexpr std::string_view kTypes[] = {"regular", "directory",        "symlink",     "fifo",
                                       "socket",  "character-device", "block-device"};
constexpr std::string_view kRegistryTypes[] = {
    "REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_MULTI_SZ", "REG_QWORD"};

}  // namespace

std::span<const std::string_view> magics() {
  return kMagics;
}

FieldInfo field_info(Field field) {
  switch (field) {
    case Field::kFilePath:
      return {Holds::kPath, "its path"};
    case Field::kFileName:
      return {Holds::kFileName, "its name"};
    case Field::kFileExtension:
      return {Holds::kFileName, "its extension"};
    case Field::kFileParentName:
      return {Holds::kFileName, "the name of its folder"};
    case Field::kFileSize:
      return {Holds::kSize, "its size"};
    case Field::kFileMagic:
      return {Holds::kWord, "its content", {}, kMagics};
    case Field::kFileType:
      return {Holds::kWord, "it", {}, kTypes};
    case Field::kFileSha256:
      return {Holds::kHash, "its SHA-256 digest", {}, {}, 32};
    case Field::kFileSha1:
      return {Holds::kHash, "its SHA-1 digest", {}, {}, 20};
    case Field::kFileMd5:
      return {Holds::kHash, "its MD5 digest", {}, {}, 16};
    case Field::kFileBytesAt0:
      return {Holds::kHex, "its beginning, byte by byte,"};
    case Field::kFileMtimeDeltaToParent:
      return {Holds::kSeconds, "its last change, counted from that of its folder,"};
    case Field::kFilePackageOwned:
      return {Holds::kBoolean, "it belongs to an installed package",
              "it belongs to no installed package"};
    case Field::kProcessName:
      return {Holds::kText, "its name"};
    case Field::kProcessCommandLine:
      return {Holds::kText, "its command line"};
    case Field::kProcessExePath:
      return {Holds::kPath, "the path of its program"};
    case Field::kProcessExeName:
      return {Holds::kFileName, "the name of its program"};
    case Field::kProcessExeDeleted:
      return {Holds::kBoolean, "the file of its program is gone",
              "the file of its program is still there"};
    case Field::kProcessExeSha256:
      return {Holds::kHash, "the SHA-256 digest of its program", {}, {}, 32};
    case Field::kProcessExePackageOwned:
      return {Holds::kBoolean, "its program belongs to an installed package",
              "its program belongs to no installed package"};
    case Field::kProcessIsKernelThread:
      return {Holds::kBoolean, "it is a part of the kernel", "it is not a part of the kernel"};
    case Field::kProcessLooksLikeKernelThread:
      return {Holds::kBoolean, "it bears the name of a part of the kernel and is a program",
              "it does not pretend to be a part of the kernel"};
    case Field::kPersistenceKind:
      return {Holds::kWord, "it", {}, Names<model::PersistenceKind>::kAll};
    case Field::kPersistenceName:
      return {Holds::kText, "its name (of the unit, or of a crontab's user)"};
    case Field::kPersistencePath:
      return {Holds::kPath, "the path of its file"};
    case Field::kPersistenceEntry:
      return {Holds::kText, "its line"};
    case Field::kPersistenceCommand:
      return {Holds::kText, "its command"};
    case Field::kNetworkDstRef:
      return {Holds::kAddress, "the address of its other side"};
    case Field::kNetworkDstPort:
      return {Holds::kPort, "the port of its other side"};
    case Field::kNetworkSrcPort:
      return {Holds::kPort, "its port on this host"};
    case Field::kNetworkProcessName:
      return {Holds::kText, "the name of its process"};
    case Field::kNetworkProcessExePath:
      return {Holds::kPath, "the path of its program"};
    case Field::kRegistryKey:
      return {Holds::kText, "its key"};
    case Field::kRegistryValueName:
      return {Holds::kText, "its name"};
    case Field::kRegistryValueData:
      return {Holds::kText, "its data"};
    case Field::kRegistryValueDataType:
      return {Holds::kWord, "its data", {}, kRegistryTypes};
  }
  FS_ASSERT(false);
}

model::ObjectKind object_of(Field field) {
  const auto full = name(field);
  const auto object = from_name<model::ObjectKind>(full.substr(0, full.find('.')));
  FS_ASSERT(object.has_value());
  return *object;
}

std::vector<std::string_view> fields_of(model::ObjectKind object) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kCount<Field>; ++i)
    if (const auto field = static_cast<Field>(i); object_of(field) == object)
      names.push_back(name(field));
  return names;
}

}  // namespace fleetsweep::compiler
