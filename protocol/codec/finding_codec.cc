// Finding.

#include "local.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"

namespace fleetsweep::codec {

void write(Out, const model::FileIdentity& file, schema::FileIdentity::Builder to) {
  using B = decltype(to);
  put(to, &B::setPath, file.path);
  to.setDevice(file.device);
  to.setInode(file.inode);
  to.setSize(file.size);
  to.setMtimeNs(file.mtime_ns);
  to.setCtimeNs(file.ctime_ns);
  to.setLinks(file.links);
  put(to, &B::setSha256, file.sha256);
}
void read(In& in, schema::FileIdentity::Reader from, model::FileIdentity& file) {
  get(in, "path", from.getPath(), file.path);
  file.device = from.getDevice();
  file.inode = from.getInode();
  file.size = from.getSize();
  file.mtime_ns = from.getMtimeNs();
  file.ctime_ns = from.getCtimeNs();
  file.links = from.getLinks();
  get(in, "sha256", from.getSha256(), file.sha256);
}

void write(Out out, const model::ProcessIdentity& process, schema::ProcessIdentity::Builder to) {
  using B = decltype(to);
  to.setPid(process.pid);
  to.setStartTicks(process.start_ticks);
  write(out, process.exe, to.initExe());
  to.setExeDeleted(process.exe_deleted);
  put(to, &B::setName, process.name);
  put(to, &B::setCommandLine, process.command_line);
}
void read(In& in, schema::ProcessIdentity::Reader from, model::ProcessIdentity& process) {
  process.pid = from.getPid();
  process.start_ticks = from.getStartTicks();
  get(in, "exe", from.getExe(), process.exe);
  process.exe_deleted = from.getExeDeleted();
  get(in, "name", from.getName(), process.name);
  get(in, "commandLine", from.getCommandLine(), process.command_line, limits::kLineBytes);
}

void write(Out out, const model::PersistenceIdentity& persistence,
           schema::PersistenceIdentity::Builder to) {
  using B = decltype(to);
  put(to, &B::setKind, persistence.kind);
  write(out, persistence.file, to.initFile());
  put(to, &B::setName, persistence.name);
  put(to, &B::setEntry, persistence.entry);
  put(to, &B::setCommand, persistence.command);
  put(to, &B::setEntrySha256, persistence.entry_sha256);
  put(to, &B::setUser, persistence.user);
  to.setLine(persistence.line);
}
void read(In& in, schema::PersistenceIdentity::Reader from,
          model::PersistenceIdentity& persistence) {
  get(in, "kind", from.getKind(), persistence.kind);
  get(in, "file", from.getFile(), persistence.file);
  get(in, "name", from.getName(), persistence.name);
  get(in, "entry", from.getEntry(), persistence.entry, limits::kLineBytes);
  get(in, "command", from.getCommand(), persistence.command, limits::kLineBytes);
  get(in, "entrySha256", from.getEntrySha256(), persistence.entry_sha256);
  get(in, "user", from.getUser(), persistence.user);
  persistence.line = from.getLine();
}

void write(Out out, const model::ConnectionIdentity& connection,
           schema::ConnectionIdentity::Builder to) {
  using B = decltype(to);
  put(to, &B::setLocalAddress, connection.local_address);
  to.setLocalPort(connection.local_port);
  put(to, &B::setRemoteAddress, connection.remote_address);
  to.setRemotePort(connection.remote_port);
  to.setPid(connection.pid);
  write(out, connection.exe, to.initExe());
  put(to, &B::setProtocol, connection.protocol);
  to.setListening(connection.listening);
}
void read(In& in, schema::ConnectionIdentity::Reader from, model::ConnectionIdentity& connection) {
  get(in, "localAddress", from.getLocalAddress(), connection.local_address);
  connection.local_port = from.getLocalPort();
  get(in, "remoteAddress", from.getRemoteAddress(), connection.remote_address);
  connection.remote_port = from.getRemotePort();
  connection.pid = from.getPid();
  get(in, "exe", from.getExe(), connection.exe);
  get(in, "protocol", from.getProtocol(), connection.protocol);
  connection.listening = from.getListening();
}

void write(Out out, const model::RegistryIdentity& registry, schema::RegistryIdentity::Builder to) {
  using B = decltype(to);
  write(out, registry.hive, to.initHive());
  put(to, &B::setKey, registry.key);
  put(to, &B::setValueName, registry.value_name);
  put(to, &B::setDataType, registry.data_type);
  put(to, &B::setData, registry.data);
}
void read(In& in, schema::RegistryIdentity::Reader from, model::RegistryIdentity& registry) {
  get(in, "hive", from.getHive(), registry.hive);
  get(in, "key", from.getKey(), registry.key, limits::kLineBytes);
  get(in, "valueName", from.getValueName(), registry.value_name, limits::kLineBytes);
  get(in, "dataType", from.getDataType(), registry.data_type);
  get(in, "data", from.getData(), registry.data, limits::kLineBytes);
}

namespace {
struct WriteIdentity {
  schema::Finding::Builder to;
  void operator()(const model::FileIdentity& file) { write(Out{}, file, to.initFile()); }
  void operator()(const model::ProcessIdentity& process) {
    write(Out{}, process, to.initProcess());
  }
  void operator()(const model::PersistenceIdentity& persistence) {
    write(Out{}, persistence, to.initPersistence());
  }
  void operator()(const model::ConnectionIdentity& connection) {
    write(Out{}, connection, to.initConnection());
  }
  void operator()(const model::RegistryIdentity& registry) {
    write(Out{}, registry, to.initRegistry());
  }
};
}  // namespace

void write(Out, const model::RuleMatch::String& string, schema::RuleString::Builder to) {
  put(to, &schema::RuleString::Builder::setName, string.name);
  to.setOffset(string.offset);
}
void read(In& in, schema::RuleString::Reader from, model::RuleMatch::String& string) {
  get(in, "name", from.getName(), string.name);
  string.offset = from.getOffset();
}

void write(Out, const model::Finding& finding, schema::Finding::Builder to) {
  using B = decltype(to);
  to.setDetection(finding.detection);
  to.setNumber(finding.number);
  to.setJoined(finding.joined);
  put(to, &B::setRule, finding.rule.name);
  put(to, &B::initRuleStrings, finding.rule.strings);
  put(to, &B::setMember, finding.member);
  to.setPartial(finding.partial);
  put(to, &B::setLeftAlone, finding.left_alone);
  std::visit(WriteIdentity{to}, finding.identity);
}
void read(In& in, schema::Finding::Reader from, model::Finding& finding) {
  finding.detection = from.getDetection();
  finding.number = from.getNumber();
  finding.joined = from.getJoined();
  get(in, "rule", from.getRule(), finding.rule.name);
  list(in, "ruleStrings", from.getRuleStrings(), finding.rule.strings, limits::kRuleStrings);
  get(in, "member", from.getMember(), finding.member);
  finding.partial = from.getPartial();
  get(in, "leftAlone", from.getLeftAlone(), finding.left_alone, limits::kLineBytes);
  using Kind = schema::Finding::Which;
  auto& identity = finding.identity;
  switch (from.which()) {
    case Kind::FILE:
      return get(in, "file", from.getFile(), identity.emplace<model::FileIdentity>());
    case Kind::PROCESS:
      return get(in, "process", from.getProcess(), identity.emplace<model::ProcessIdentity>());
    case Kind::PERSISTENCE:
      return get(in, "persistence", from.getPersistence(),
                 identity.emplace<model::PersistenceIdentity>());
    case Kind::CONNECTION:
      return get(in, "connection", from.getConnection(),
                 identity.emplace<model::ConnectionIdentity>());
    case Kind::REGISTRY:
      return get(in, "registry", from.getRegistry(), identity.emplace<model::RegistryIdentity>());
  }
  refuse_enum(in, "identity", static_cast<unsigned>(from.which()),
              std::variant_size_v<model::Identity>);
}

Bytes encode(const model::Finding& finding) {
  return encode_frame<schema::Finding>(finding);
}
template <>
Result<model::Finding> decode(BytesView bytes) {
  return decode_frame<schema::Finding, model::Finding>("finding", bytes, limits::kFindingBytes);
}

}  // namespace fleetsweep::codec
