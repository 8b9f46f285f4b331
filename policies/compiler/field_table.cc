#include "policies/compiler/field_table.h"

#include <algorithm>
#include <iterator>

#include "protocol/base/assert.h"
#include "protocol/model/finding.h"

namespace fleetsweep::compiler {
namespace {

using model::Field;

constexpr std::string_view kMagics[] = {"elf", "pe", "script", "gzip", "zip", "text", "data"};
constexpr std::string_view kTypes[] = {"regular"};  // agents look at nothing else
constexpr std::string_view kProtocols[] = {"tcp",  "udp", "udplite", "sctp",
                                           "icmp", "raw", "packet"};
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
    case Field::kFileUid:
      return {Holds::kNumber, "the number of its owner"};
    case Field::kFileGid:
      return {Holds::kNumber, "the number of its group"};
    case Field::kFileOwner:
      return {Holds::kText, "the name of its owner"};
    case Field::kFileIsSetuid:
      return {Holds::kBoolean, "it runs with the rights of its owner (set-uid)",
              "it does not run with the rights of its owner"};
    case Field::kFileIsSetgid:
      return {Holds::kBoolean, "it runs with the rights of its group (set-gid)",
              "it does not run with the rights of its group"};
    case Field::kFileIsExecutable:
      return {Holds::kBoolean, "it may be executed", "it may not be executed"};
    case Field::kFileIsImmutable:
      return {Holds::kBoolean, "it is marked immutable", "it is not marked immutable"};
    case Field::kFileIsAppendOnly:
      return {Holds::kBoolean, "it is marked append-only", "it is not marked append-only"};
    case Field::kFileIsHidden:
      return {Holds::kBoolean, "its name hides it", "its name does not hide it"};
    case Field::kFileExtensionMismatch:
      return {Holds::kBoolean, "its extension lies about its content",
              "its extension does not lie about its content"};
    case Field::kFileCapabilities:
      return {Holds::kText, "its capabilities"};
    case Field::kFileMtime:
      return {Holds::kTimestamp, "the time of its last change"};
    case Field::kFileMtimeDeltaToBirth:
      return {Holds::kSeconds, "its last change, counted from its creation,"};
    case Field::kProcessParentName:
      return {Holds::kText, "the name of its parent"};
    case Field::kProcessParentExePath:
      return {Holds::kPath, "the path of its parent's program"};
    case Field::kProcessParentCommandLine:
      return {Holds::kText, "the command line of its parent"};
    case Field::kProcessExeIsMemfd:
      return {Holds::kBoolean, "its program lies in memory only", "its program lies in a file"};
    case Field::kProcessMappedFiles:
      return {Holds::kPath, "a file it has mapped"};
    case Field::kProcessEnvironmentNames:
      return {Holds::kText, "a name in its environment"};
    case Field::kProcessCapabilities:
      return {Holds::kText, "its capabilities"};
    case Field::kProcessUser:
      return {Holds::kText, "its user"};
    case Field::kProcessCwd:
      return {Holds::kPath, "its working folder"};
    case Field::kProcessContainerId:
      return {Holds::kText, "the id of its container"};
    case Field::kPersistenceUser:
      return {Holds::kText, "the user it runs as"};
    case Field::kPersistenceLine:
      return {Holds::kNumber, "the number of its line"};
    case Field::kPersistencePackageOwned:
      return {Holds::kBoolean, "its file is unchanged since a package installed it",
              "its file is none that a package installed, or was changed"};
    case Field::kPersistenceInBaseline:
      return {Holds::kBoolean, "it stands in the owner's baseline",
              "it does not stand in the owner's baseline"};
    case Field::kNetworkProtocol:
      return {Holds::kWord, "it", {}, kProtocols};
    case Field::kNetworkIsListening:
      return {Holds::kBoolean, "it waits for connections", "it does not wait for connections"};
    case Field::kNetworkSrcRef:
      return {Holds::kAddress, "its address on this host"};
    case Field::kNetworkProcessExeDeleted:
      return {Holds::kBoolean, "the file of its program is gone",
              "the file of its program is still there"};
    case Field::kNetworkHasPacketFilter:
      return {Holds::kBoolean, "a filter chooses its packets", "no filter chooses its packets"};
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
