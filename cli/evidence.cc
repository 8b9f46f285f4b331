#include "cli/evidence.h"

#include <nlohmann/json.hpp>

#include "protocol/base/limits.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

json base64s(const std::vector<Bytes>& all) {
  json list = json::array();
  for (const Bytes& bytes : all) list.push_back(to_base64(bytes));
  return list;
}

Result<const json*> member(const json& object, const char* name, const std::string& where) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end())
    return fail(Code::kInvalid, "{}: a member \"{}\" was expected", where, name);
  return &*found;
}

// What we would ignore, somebody else might read.
Status has_only(const json& object, std::size_t members, const std::string& where) {
  if (object.size() == members) return {};
  return fail(Code::kInvalid, "{}: {} members were expected, it has {}", where, members,
              object.size());
}

Result<const json*> list_at(const json& object, const char* name, const std::string& where) {
  FS_TRY(const json* list, member(object, name, where));
  if (!list->is_array()) return fail(Code::kInvalid, "{}.{}: a list was expected", where, name);
  return list;
}

Result<Bytes> base64_of(const json& text, const std::string& where) {
  if (!text.is_string()) return fail(Code::kInvalid, "{}: base64 was expected", where);
  auto bytes = from_base64(text.get_ref<const std::string&>());
  if (!bytes) return fail(bytes.error().within(where));
  return bytes;
}

Result<std::vector<Bytes>> bytes_at(const json& object, const char* name) {
  FS_TRY(const json* list, list_at(object, name, "evidence"));
  std::vector<Bytes> all;
  for (const json& text : *list) {
    FS_TRY(Bytes bytes, base64_of(text, fmt::format("evidence.{}[{}]", name, all.size())));
    all.push_back(std::move(bytes));
  }
  return all;
}

Result<ProvenEntry> entry_of(const json& object, const std::string& where) {
  ProvenEntry one;
  FS_TRY(const json* index, member(object, "index", where));
  if (!index->is_number_unsigned())
    return fail(Code::kInvalid, "{}.index: a number was expected", where);
  one.index = index->get<std::uint64_t>();
  FS_TRY(const json* entry, member(object, "entry", where));
  FS_TRY(one.entry, base64_of(*entry, where + ".entry"));
  FS_TRY(const json* proof, list_at(object, "proof", where));
  if (proof->size() > limits::kProofHashes)
    return fail(Code::kInvalid, "{}.proof: at most {} hashes were expected", where,
                limits::kProofHashes);
  for (const json& text : *proof) {
    const std::string at = fmt::format("{}.proof[{}]", where, one.proof.size());
    FS_TRY(const Bytes bytes, base64_of(text, at));
    const auto hash = Digest::from(bytes);
    if (!hash) return fail(hash.error().within(at));
    one.proof.push_back(*hash);
  }
  FS_CHECK(has_only(object, 3, where));
  return one;
}

Result<SilentHost> silent_of(const json& object, const std::string& where) {
  FS_TRY(const json* agent, member(object, "agent", where));
  FS_TRY(const json* state, member(object, "state", where));
  const auto id = AgentId::parse_hex(agent->is_string() ? agent->get<std::string>() : "");
  if (!id) return fail(id.error().within(where + ".agent"));
  const auto known =
      from_name<model::HostState>(state->is_string() ? state->get<std::string>() : "");
  if (!known) return fail(Code::kInvalid, "{}.state: a state was expected", where);
  FS_CHECK(has_only(object, 2, where));
  return SilentHost{*id, *known};
}

}  // namespace

json to_json(const Evidence& evidence) {
  json log = json::array(), silent = json::array();
  for (const ProvenEntry& one : evidence.log) {
    json proof = json::array();
    for (const Digest& hash : one.proof) proof.push_back(to_base64(hash.view()));
    log.push_back({{"index", one.index}, {"entry", to_base64(one.entry)}, {"proof", proof}});
  }
  for (const SilentHost& host : evidence.silent)
    silent.push_back({{"agent", host.agent.hex()}, {"state", name(host.state)}});
  return {{"checkpoint", evidence.checkpoint},
          {"log", log},
          {"policies", base64s(evidence.policies)},
          {"enrolments", base64s(evidence.enrolments)},
          {"receipts", base64s(evidence.receipts)},
          {"late", base64s(evidence.late)},
          {"silent", silent}};
}

Result<Evidence> evidence_of(const json& object) {
  Evidence evidence;
  FS_TRY(const json* checkpoint, member(object, "checkpoint", "evidence"));
  if (!checkpoint->is_string())
    return fail(Code::kInvalid, "evidence.checkpoint: a text was expected");
  evidence.checkpoint = checkpoint->get<std::string>();
  FS_TRY(const json* log, list_at(object, "log", "evidence"));
  for (const json& entry : *log) {
    FS_TRY(ProvenEntry one, entry_of(entry, fmt::format("evidence.log[{}]", evidence.log.size())));
    evidence.log.push_back(std::move(one));
  }
  FS_TRY(evidence.policies, bytes_at(object, "policies"));
  FS_TRY(evidence.enrolments, bytes_at(object, "enrolments"));
  FS_TRY(evidence.receipts, bytes_at(object, "receipts"));
  FS_TRY(evidence.late, bytes_at(object, "late"));
  FS_TRY(const json* silent, list_at(object, "silent", "evidence"));
  for (const json& host : *silent) {
    FS_TRY(const SilentHost one,
           silent_of(host, fmt::format("evidence.silent[{}]", evidence.silent.size())));
    evidence.silent.push_back(one);
  }
  FS_CHECK(has_only(object, 7, "evidence"));
  return evidence;
}

}  // namespace fleetsweep::cli
