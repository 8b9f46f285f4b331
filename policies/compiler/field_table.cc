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
    case Field::kProcessExePath:
    case Field::kPersistencePath:
    case Field::kNetworkProcessExePath:
      return {Holds::kPath};
    case Field::kFileName:
    case Field::kFileExtension:
    case Field::kFileParentName:
    case Field::kProcessExeName:
      return {Holds::kFileName};
    case Field::kFileSize:
      return {Holds::kSize};
    case Field::kFileMtimeDeltaToParent:
      return {Holds::kSeconds};
    case Field::kNetworkDstPort:
    case Field::kNetworkSrcPort:
      return {Holds::kPort};
    case Field::kFileMagic:
      return {Holds::kWord, kMagics};
    case Field::kFileType:
      return {Holds::kWord, kTypes};
    case Field::kPersistenceKind:
      return {Holds::kWord, Names<model::PersistenceKind>::kAll};
    case Field::kRegistryValueDataType:
      return {Holds::kWord, kRegistryTypes};
    case Field::kFileSha256:
    case Field::kProcessExeSha256:
      return {Holds::kHash, {}, 32};
    case Field::kFileSha1:
      return {Holds::kHash, {}, 20};
    case Field::kFileMd5:
      return {Holds::kHash, {}, 16};
    case Field::kFileBytesAt0:
      return {Holds::kHex};
    case Field::kFilePackageOwned:
    case Field::kProcessExeDeleted:
    case Field::kProcessExePackageOwned:
    case Field::kProcessIsKernelThread:
    case Field::kProcessLooksLikeKernelThread:
      return {Holds::kBoolean};
    case Field::kNetworkDstRef:
      return {Holds::kAddress};
    case Field::kProcessName:
    case Field::kProcessCommandLine:
    case Field::kPersistenceName:
    case Field::kPersistenceEntry:
    case Field::kPersistenceCommand:
    case Field::kNetworkProcessName:
    case Field::kRegistryKey:
    case Field::kRegistryValueName:
    case Field::kRegistryValueData:
      return {Holds::kText};
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
