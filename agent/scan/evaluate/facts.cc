#include "agent/scan/evaluate/facts.h"

#include <sys/stat.h>

#include "agent/hive/paths.h"
#include "agent/scan/evaluate/disguise.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using Kind = FieldValue::Kind;

using Spellings = std::span<const std::string>;

FieldValue text(std::string_view value, Spellings others = {}) {
  return {Kind::kText, value, 0, others};
}
FieldValue number(std::int64_t value) {
  return {Kind::kNumber, {}, value, {}};
}
FieldValue boolean(std::optional<bool> value) {
  return value ? number(*value) : FieldValue{};
}
FieldValue absent() {
  return {Kind::kAbsent, {}, 0, {}};
}
// An empty text of a step that has happened: the object has none.
FieldValue after(bool happened, std::string_view value) {
  if (!happened) return {};
  return value.empty() ? absent() : text(value);
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view parent_name(std::string_view path) {
  const std::size_t end = path.rfind('/');
  return end == std::string_view::npos ? std::string_view{} : base_name(path.substr(0, end));
}

std::string_view extension_text(std::string_view path) {
  const std::string_view name = base_name(path);
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view{} : name.substr(dot + 1);
}

FieldValue ownership_field(const FileOwnership& file, Field field) {
  constexpr std::uint32_t kExecutable = S_IXUSR | S_IXGRP | S_IXOTH;
  switch (field) {
    case Field::kFileUid:
      return number(file.uid);
    case Field::kFileGid:
      return number(file.gid);
    case Field::kFileOwner:
      return text(file.owner);
    case Field::kFileIsSetuid:
      return number((file.mode & S_ISUID) && (file.mode & kExecutable));
    // Without the group's right to execute the bit used to mean mandatory locking.
    case Field::kFileIsSetgid:
      return number((file.mode & S_ISGID) && (file.mode & S_IXGRP));
    default:
      return number((file.mode & kExecutable) != 0);
  }
}

FieldValue attribute_field(const FileAttributes& file, Field field) {
  switch (field) {
    case Field::kFileIsImmutable:
      return number(file.is_immutable);
    case Field::kFileIsAppendOnly:
      return number(file.is_append_only);
    case Field::kFileMtimeDeltaToBirth:
      return file.mtime_delta_to_birth_ms ? number(*file.mtime_delta_to_birth_ms) : absent();
    default:
      if (file.capabilities.empty()) return absent();
      return {.kind = Kind::kTexts, .texts = file.capabilities};
  }
}

FieldValue text_if_any(std::string_view value, Spellings others = {}) {
  return value.empty() ? absent() : text(value, others);
}
FieldValue texts(std::span<const std::string> values) {
  return values.empty() ? absent() : FieldValue{Kind::kTexts, {}, 0, values};
}

FieldValue field_of(const ProcessFacts& process, Field field) {
  const model::ProcessIdentity& identity = process.identity;
  const bool has_exe = !identity.exe.path.empty();
  switch (field) {
    case Field::kProcessName:
      return text(identity.name);
    case Field::kProcessCommandLine:
      return text(identity.command_line);
    case Field::kProcessExePath:
      return has_exe ? text(identity.exe.path, process.exe_aliases) : absent();
    case Field::kProcessExeName:
      return has_exe ? text(base_name(identity.exe.path)) : absent();
    case Field::kProcessExeDeleted:
      return number(identity.exe_deleted);
    case Field::kProcessExeSha256:
      return has_exe ? after(!process.exe_sha256.empty(), process.exe_sha256) : absent();
    case Field::kProcessExePackageOwned:
      return has_exe ? boolean(process.exe_package_owned) : number(0);
    case Field::kProcessIsKernelThread:
      return number(process.is_kernel_thread);
    case Field::kProcessLooksLikeKernelThread:
      return number(process.looks_like_kernel_thread);
    case Field::kProcessExeIsMemfd:
      return number(identity.exe_deleted && identity.exe.path.starts_with("/memfd:"));
    case Field::kProcessParentName:
      return text_if_any(process.parent_name);
    case Field::kProcessParentExePath:
      return text_if_any(process.parent_exe, process.parent_exe_aliases);
    case Field::kProcessParentCommandLine:
      return text_if_any(process.parent_command_line);
    case Field::kProcessMappedFiles:
      return texts(process.mapped_files);
    case Field::kProcessEnvironmentNames:
      return texts(process.environment_names);
    case Field::kProcessCapabilities:
      return texts(process.capabilities);
    case Field::kProcessUser:
      return text_if_any(process.user);
    case Field::kProcessCwd:
      return text_if_any(process.cwd);
    case Field::kProcessContainerId:
      return text_if_any(process.container_id);
    default:
      return absent();
  }
}

FieldValue field_of(const PersistenceFacts& persistence, Field field) {
  const model::PersistenceIdentity& identity = persistence.identity;
  switch (field) {
    case Field::kPersistenceKind:
      return text(name(identity.kind));
    case Field::kPersistenceName:
      return text(identity.name);
    case Field::kPersistencePath:
      return text(identity.file.path);
    case Field::kPersistenceEntry:
      return identity.entry.empty() ? absent() : text(identity.entry);
    case Field::kPersistenceCommand:
      return identity.command.empty() ? absent() : text(identity.command);
    case Field::kPersistenceUser:
      return identity.user.empty() ? absent() : text(identity.user);
    case Field::kPersistenceLine:
      return number(identity.line);
    case Field::kPersistencePackageOwned:
      return boolean(persistence.package_owned);
    case Field::kPersistenceInBaseline:
      return number(persistence.in_baseline);
    default:
      return absent();
  }
}

FieldValue field_of(const ConnectionFacts& connection, Field field) {
  const model::ConnectionIdentity& identity = connection.identity;
  switch (field) {
    case Field::kNetworkDstRef:
      return text_if_any(identity.remote_address);
    case Field::kNetworkDstPort:
      return number(identity.remote_port);
    case Field::kNetworkSrcRef:
      return text_if_any(identity.local_address);
    case Field::kNetworkProtocol:
      return identity.protocol.empty() ? absent() : text(identity.protocol);
    case Field::kNetworkIsListening:
      return number(identity.listening);
    case Field::kNetworkSrcPort:
      return number(identity.local_port);
    case Field::kNetworkProcessName:
      return connection.process_name.empty() ? absent() : text(connection.process_name);
    case Field::kNetworkProcessExePath:
      return text_if_any(identity.exe.path);
    case Field::kNetworkProcessExeDeleted:
      return number(connection.exe_deleted);
    case Field::kNetworkHasPacketFilter:
      return identity.protocol == "packet" ? boolean(connection.has_packet_filter) : absent();
    default:
      return absent();
  }
}

FieldValue field_of(const RegistryFacts& value, Field field) {
  const model::RegistryIdentity& identity = value.identity;
  switch (field) {
    case Field::kRegistryKey:
      return {Kind::kTexts, identity.key, 0, value.spellings};
    case Field::kRegistryValueName:
      return text(identity.value_name);
    case Field::kRegistryValueData:
      return text(identity.data);
    case Field::kRegistryValueDataType:
      return text(identity.data_type);
    default:
      return absent();
  }
}

}  // namespace

FieldValue field_of(const FileFacts& file, Field field) {
  switch (field) {
    case Field::kFilePath:
      if (!file.member_path.empty()) return text(file.path());
      // What joins fill in is the first one.
      return !file.aliases.empty() && hive::is_windows_path(file.aliases.front())
                 ? text(file.aliases.front(), Spellings(&file.path(), 1))
                 : text(file.path(), file.aliases);
    case Field::kFileName:
      return text(base_name(file.path()));
    case Field::kFileExtension: {
      const std::string_view extension = extension_text(file.path());
      // "name." has an extension, an empty one.
      return extension.data() == nullptr ? absent() : text(extension);
    }
    case Field::kFileParentName:
      return text(parent_name(file.path()));
    case Field::kFileType:
      return text(file.type);
    case Field::kFileSize:
      return file.stage >= FileStage::kStat ? number(static_cast<std::int64_t>(file.size()))
                                            : FieldValue{};
    case Field::kFileMtimeDeltaToParent:
      return file.mtime_delta_ms ? number(*file.mtime_delta_ms) : FieldValue{};
    case Field::kFilePackageOwned:
      return boolean(file.package_owned);
    case Field::kFileUid:
    case Field::kFileGid:
    case Field::kFileOwner:
    case Field::kFileIsSetuid:
    case Field::kFileIsSetgid:
    case Field::kFileIsExecutable:
      return file.ownership ? ownership_field(*file.ownership, field) : FieldValue{};
    case Field::kFileIsImmutable:
    case Field::kFileIsAppendOnly:
    case Field::kFileCapabilities:
    case Field::kFileMtimeDeltaToBirth:
      return file.attributes ? attribute_field(*file.attributes, field) : FieldValue{};
    case Field::kFileMtime:
      return file.stage >= FileStage::kStat ? number(file.identity.mtime_ns / 1'000'000'000)
                                            : FieldValue{};
    case Field::kFileIsHidden:
      return number(is_hidden_name(base_name(file.path())));
    case Field::kFileExtensionMismatch:
      if (!can_lie(extension_text(file.path()))) return number(0);
      if (file.stage < FileStage::kHead) return {};
      return number(is_lie(extension_text(file.path()), file.magic));
    case Field::kFileMagic:
      return after(file.stage >= FileStage::kHead, file.magic);
    case Field::kFileBytesAt0:
      return after(file.stage >= FileStage::kHead, as_text(file.head));
    case Field::kFileSha256:
      return after(!file.sha256.empty(), file.sha256);
    case Field::kFileSha1:
      return after(!file.sha1.empty(), file.sha1);
    case Field::kFileMd5:
      return after(!file.md5.empty(), file.md5);
    default:
      return absent();
  }
}

FieldValue field_of(const Object& object, Field field) {
  return std::visit([field](const auto& facts) { return field_of(facts, field); }, object);
}

bool is_in_milliseconds(Field field) {
  return field == Field::kFileMtimeDeltaToParent || field == Field::kFileMtimeDeltaToBirth;
}

bool is_number(Field field) {
  switch (field) {
    case Field::kFileSize:
    case Field::kFileMtimeDeltaToParent:
    case Field::kFilePackageOwned:
    case Field::kProcessExeDeleted:
    case Field::kProcessExePackageOwned:
    case Field::kProcessIsKernelThread:
    case Field::kProcessLooksLikeKernelThread:
    case Field::kNetworkDstPort:
    case Field::kNetworkSrcPort:
    case Field::kFileUid:
    case Field::kFileGid:
    case Field::kFileIsSetuid:
    case Field::kFileIsSetgid:
    case Field::kFileIsExecutable:
    case Field::kFileIsImmutable:
    case Field::kFileIsAppendOnly:
    case Field::kFileIsHidden:
    case Field::kFileExtensionMismatch:
    case Field::kFileMtime:
    case Field::kFileMtimeDeltaToBirth:
    case Field::kProcessExeIsMemfd:
    case Field::kPersistenceLine:
    case Field::kPersistencePackageOwned:
    case Field::kPersistenceInBaseline:
    case Field::kNetworkIsListening:
    case Field::kNetworkProcessExeDeleted:
    case Field::kNetworkHasPacketFilter:
      return true;
    default:
      return false;
  }
}

}  // namespace fleetsweep::scan
