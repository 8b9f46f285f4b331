#include "agent/scan/report.h"

#include <nlohmann/json.hpp>

#include "agent/verdict/verdict.h"

namespace fleetsweep::scan {
namespace {

using nlohmann::json;

json file_json(const model::FileIdentity& file) {
  json result = {{"path", escaped(file.path)}, {"size", file.size},
                 {"device", file.device},      {"inode", file.inode},
                 {"mtime_ns", file.mtime_ns},  {"ctime_ns", file.ctime_ns},
                 {"links", file.links}};
  if (!file.sha256.is_zero()) result["sha256"] = file.sha256.hex();
  return result;
}

json identity_json(const model::FileIdentity& file) {
  return {{"file", file_json(file)}};
}
json identity_json(const model::ProcessIdentity& process) {
  return {{"process",
           {{"pid", process.pid},
            {"start_ticks", process.start_ticks},
            {"exe", file_json(process.exe)},
            {"exe_deleted", process.exe_deleted},
            {"name", escaped(process.name)},
            {"command_line", escaped(process.command_line)}}}};
}
json identity_json(const model::PersistenceIdentity& persistence) {
  return {{"persistence",
           {{"kind", name(persistence.kind)},
            {"file", file_json(persistence.file)},
            {"name", escaped(persistence.name)},
            {"entry", escaped(persistence.entry)},
            {"command", escaped(persistence.command)},
            {"entry_sha256", persistence.entry_sha256.hex()},
            {"user", escaped(persistence.user)},
            {"line", persistence.line}}}};
}
json identity_json(const model::ConnectionIdentity& connection) {
  return {{"connection",
           {{"local_address", connection.local_address},
            {"local_port", connection.local_port},
            {"remote_address", connection.remote_address},
            {"remote_port", connection.remote_port},
            {"pid", connection.pid},
            {"exe", escaped(connection.exe.path)},
            {"protocol", connection.protocol},
            {"listening", connection.listening}}}};
}

json identity_json(const model::RegistryIdentity& value) {
  return {{"registry",
           {{"hive", file_json(value.hive)},
            {"key", escaped(value.key)},
            {"value_name", escaped(value.value_name)},
            {"data_type", value.data_type},
            {"data", escaped(value.data)}}}};
}

}  // namespace

std::string to_json(const model::Policy& policy, const model::ScanDone& done,
                    const SweepCounts& counts) {
  json result = {{"reason", name(done.reason)},
                 {"detail", escaped(done.detail)},
                 {"sandbox", name(done.sandbox)},
                 {"scanned", done.result.scanned},
                 {"scanned_bytes", done.result.scanned_bytes},
                 {"opened", counts.opened},
                 {"recalled", counts.recalled},
                 {"resumed", counts.resumed},
                 {"unscannable", done.result.unscannable},
                 {"unscannable_paths", done.result.unscannable_paths},
                 {"partial", done.result.partial},
                 {"partial_paths", done.result.partial_paths},
                 {"mismatches", done.result.mismatches},
                 {"findings", json::array()},
                 {"verdicts", json::array()}};
  for (const model::Finding& finding : done.result.findings) {
    const model::Detection& detection = policy.detections[finding.detection];
    json entry =
        std::visit([](const auto& identity) { return identity_json(identity); }, finding.identity);
    entry["number"] = finding.number;
    entry["detection"] = detection.id;
    entry["object"] = name(detection.object);
    if (finding.joined != model::Finding::kNoJoin) entry["joined"] = finding.joined;
    if (!finding.rule.name.empty()) entry["rule"] = escaped(finding.rule.name);
    for (const auto& string : finding.rule.strings)
      entry["rule_strings"].push_back({{"name", escaped(string.name)}, {"offset", string.offset}});
    if (!finding.member.empty()) entry["member"] = escaped(finding.member);
    if (finding.partial) entry["partial"] = true;
    if (!finding.left_alone.empty()) entry["left_alone"] = finding.left_alone;
    result["findings"].push_back(std::move(entry));
  }
  // A verdict may be true of nothing (`not x`); without a result there is none.
  const auto verdicts = judge(policy, done.result.findings);
  if (verdicts && done.reason == model::Reason::kNone)
    for (const TrueVerdict& verdict : *verdicts) {
      const model::Verdict& meant = policy.verdicts[verdict.verdict];
      result["verdicts"].push_back({{"id", meant.id},
                                    {"confidence", meant.confidence},
                                    {"level", meant.level},
                                    {"findings", verdict.signs}});
    }
  return result.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace fleetsweep::scan
