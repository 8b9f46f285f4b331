#include "agent/plan/binding.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::plan {

namespace {

bool is_same(const model::FileIdentity& a, const model::FileIdentity& b) {
  return a.path == b.path && a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns && a.sha256 == b.sha256;
}

// Without path and ctime: unlinking a running program changes both, and it is still that program.
bool is_same_program(const model::FileIdentity& a, const model::FileIdentity& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.mtime_ns == b.mtime_ns && a.sha256 == b.sha256;
}

// The same bytes, whatever file has them.
bool is_copy(const model::FileIdentity& a, const model::FileIdentity& b) {
  return !a.sha256.is_zero() && a.sha256 == b.sha256 && a.size == b.size;
}

bool is_same(const model::ProcessIdentity& a, const model::ProcessIdentity& b) {
  return !a.exe.path.empty() && is_same_program(a.exe, b.exe);
}

bool is_same(const model::PersistenceIdentity& a, const model::PersistenceIdentity& b) {
  return a.kind == b.kind && a.file.path == b.file.path && a.entry_sha256 == b.entry_sha256 &&
         part_of(a) == part_of(b);
}

bool is_same(const model::ConnectionIdentity& a, const model::ConnectionIdentity& b) {
  return a.remote_address == b.remote_address && a.remote_port == b.remote_port &&
         is_same_program(a.exe, b.exe);
}

bool is_same(const model::RegistryIdentity& a, const model::RegistryIdentity& b) {
  return a.hive.path == b.hive.path && a.key == b.key && a.value_name == b.value_name &&
         a.data_type == b.data_type && a.data == b.data;
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

std::string part_of(const model::PersistenceIdentity& entry) {
  return entry.kind == model::PersistenceKind::kLdSoPreload ||
                 entry.kind == model::PersistenceKind::kSystemdEnvironment
             ? entry.command
             : std::string();
}

bool is_same_object(const model::Identity& a, const model::Identity& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& value) { return is_same(value, std::get<std::decay_t<decltype(value)>>(b)); },
      a);
}

bool is_back(const model::Identity& was, const model::Identity& now) {
  if (was.index() != now.index()) return false;
  if (is_same_object(was, now)) return true;
  return std::visit(Overloaded{[&](const model::FileIdentity& file) {
                                 const auto& other = std::get<model::FileIdentity>(now);
                                 return file.path == other.path && is_copy(file, other);
                               },
                               [&](const model::ProcessIdentity& process) {
                                 return is_copy(process.exe,
                                                std::get<model::ProcessIdentity>(now).exe);
                               },
                               [&](const model::ConnectionIdentity& connection) {
                                 const auto& other = std::get<model::ConnectionIdentity>(now);
                                 return connection.remote_address == other.remote_address &&
                                        connection.remote_port == other.remote_port &&
                                        is_copy(connection.exe, other.exe);
                               },
                               [](const auto&) { return false; }},
                    was);
}

bool is_bound(const model::Finding& found, const std::vector<model::Finding>& dry_run,
              bool came_back) {
  return std::any_of(dry_run.begin(), dry_run.end(), [&](const model::Finding& before) {
    return before.detection == found.detection &&
           (came_back ? is_back(before.identity, found.identity)
                      : is_same_object(before.identity, found.identity));
  });
}

std::string object_key(const model::Identity& identity) {
  return std::visit(
      Overloaded{[](const model::FileIdentity& file) {
                   // Another file may have its name by now.
                   return has_no_name(file) ? fmt::format("n:{}:{}", file.device, file.inode)
                                            : "f:" + file.path;
                 },
                 [](const model::ProcessIdentity& process) {
                   return fmt::format("p:{}:{}", process.pid, process.start_ticks);
                 },
                 [](const model::PersistenceIdentity& entry) {
                   return fmt::format("e:{}:{}:{}:{}", name(entry.kind), entry.entry_sha256.hex(),
                                      entry.file.path, part_of(entry));
                 },
                 [](const model::ConnectionIdentity& connection) {
                   return fmt::format("c:{}:{}:{}:{}:{}", connection.pid, connection.local_address,
                                      connection.local_port, connection.remote_address,
                                      connection.remote_port);
                 },
                 [](const model::RegistryIdentity& value) {
                   return fmt::format("r:{}\n{}\n{}", value.hive.path, value.key, value.value_name);
                 }},
      identity);
}

Digest object_digest(const model::Identity& identity) {
  return crypto::sha256(as_bytes(object_key(identity)));
}

bool has_no_name(const model::FileIdentity& file) {
  return file.links == 0;
}

bool is_file_itself(const model::Identity& identity) {
  const auto* entry = std::get_if<model::PersistenceIdentity>(&identity);
  return entry ? entry->entry.empty() : std::holds_alternative<model::FileIdentity>(identity);
}

const model::FileIdentity& file_of(const model::Identity& identity) {
  return std::visit(
      Overloaded{[](const model::FileIdentity& file) -> const model::FileIdentity& { return file; },
                 [](const model::PersistenceIdentity& entry) -> const model::FileIdentity& {
                   return entry.file;
                 },
                 [](const model::RegistryIdentity& value) -> const model::FileIdentity& {
                   return value.hive;
                 },
                 [](const auto& running) -> const model::FileIdentity& { return running.exe; }},
      identity);
}

}  // namespace fleetsweep::plan
