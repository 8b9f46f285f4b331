// lists and rules: indicators written once, and the files of hashes and YARA beside the policy.

#include <algorithm>

#include "policies/compiler/address.h"
#include "policies/compiler/draft.h"
#include "policies/compiler/field_table.h"
#include "policies/compiler/hash_list.h"
#include "policies/compiler/yara_check/yara_check.h"
#include "policies/compiler/yara_text.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::compiler {
namespace {

bool ages(std::string_view type) {
  return type == "ipv4-addr" || type == "ipv6-addr" || type == "domain-name";
}

std::size_t hash_bytes_of(std::string_view type) {
  return type == "sha-256" ? 32 : type == "sha-1" ? 20 : type == "md5" ? 16 : 0;
}

// Hashes that are too many for the policy itself.
void read_hash_file(const Node& node, Fields& fields, const std::string& name, List& list,
                    Draft& draft) {
  const Node* pin = fields.find("sha256");
  const std::size_t hash_bytes = hash_bytes_of(list.type);
  if (hash_bytes == 0) {
    if (!list.type.empty())
      draft.sink.error(node.at, fmt::format("a list of {} has no 'file'", list.type),
                       "write its values under 'values'; a file holds sha-256, sha-1 or md5");
    return;
  }
  const auto text =
      read_beside(node, pin, fmt::format("the list '{}'", name), limits::kHashListBytes, draft);
  if (!text) return;
  const auto errors = draft.sink.errors();
  HashList read = read_hash_list(*text, beside(draft.file, node.text), hash_bytes, draft.sink);
  if (draft.sink.errors() > errors) return;
  if (read.records.empty())
    return draft.sink.error(node.at, fmt::format("'{}' holds no {}", node.text, list.type));
  if (read.others)
    draft.sink.warning(
        node.at,
        fmt::format("'{}' holds {} hashes that are no {}", node.text, read.others, list.type),
        "they are left out: another list of their type may name the same file");
  list.is_sized = std::none_of(read.records.begin(), read.records.end(),
                               [](const auto& one) { return one.size == hash_set::kAnySize; });
  for (Bytes& part : hash_set::encode_hash_set(std::move(read.records), hash_bytes)) {
    const Digest digest = crypto::sha256(part);
    list.parts.push_back({digest, static_cast<std::uint32_t>(part.size())});
    if (list.is_sized) draft.sized_parts.insert(digest);
    draft.hash_parts.emplace(digest, std::move(part));
  }
}

void read_list(const Entry& entry, Draft& draft) {
  Fields fields(entry.value, fmt::format("the list '{}'", entry.key), draft.sink);
  List list;
  list.at = entry.at;
  list.type = fields.needed_choice("type", {"ipv4-addr", "ipv6-addr", "domain-name", "file-path",
                                            "file-name", "sha-256", "sha-1", "md5", "text"});
  const Node* file = fields.find("file");
  if (file && fields.has("values"))
    draft.sink.error(file->at, fmt::format("the list '{}' has a 'file' and 'values'", entry.key),
                     "keep one of them");
  if (file) read_hash_file(*file, fields, entry.key, list, draft);
  if (const Node* values = file ? fields.find("values") : fields.need("values"))
    list.values = read_scalars(*values, "'values'", draft.sink);
  const auto expires = fields.time("expires");
  const Node* written = fields.find("expires");
  list.expires = expires.value_or(Timestamp{});
  fields.text("source");
  fields.finish();
  if (ages(list.type) && !written)
    draft.sink.error(entry.at,
                     fmt::format("the list '{}' of {} has no 'expires'", entry.key, list.type),
                     "addresses change hands: say until when they count, expires: "
                     "2027-05-01T00:00:00Z");
  if (expires && *expires <= draft.now)
    draft.sink.warning(written->at,
                       fmt::format("the list '{}' expired on {}", entry.key, to_rfc3339(*expires)),
                       "check every value and set a later date, or drop the list");
  if (list.type == "ipv4-addr" || list.type == "ipv6-addr") {
    for (const Node* value : list.values) {
      const auto address = canonical_address(value->text);
      const bool v6 = value->text.find(':') != std::string::npos;
      if (!canonical_cidr(value->text) && (!address || v6 != (list.type == "ipv6-addr")))
        draft.sink.error(value->at,
                         fmt::format("'{}' is not an {}", shown(value->text), list.type));
    }
  }
  draft.lists.emplace(entry.key, std::move(list));
}

void check_rule_text(const std::string& file, const std::string& text, Draft& draft) {
  std::vector<RuleProblem> problems = yara_text_problems(text);
  // With a refused import the rule is wrong anyway; libyara's own errors would say it twice.
  for (auto& problem : yara_problems(text)) problems.push_back(std::move(problem));
  for (auto& problem : problems)
    draft.sink.add({problem.warning ? Severity::kWarning : Severity::kError, file, problem.line, 0,
                    std::move(problem.message), std::move(problem.hint)});
}

void read_rule_file(const Node& node, Fields& fields, model::Rule& rule, Draft& draft) {
  auto text = read_beside(node, fields.find("sha256"), fmt::format("the rule '{}'", rule.id),
                          limits::kRuleSourceBytes, draft);
  if (!text) return;
  const std::string file = beside(draft.file, node.text);
  const auto errors = draft.sink.errors();
  check_rule_text(file, *text, draft);
  rule.source = std::move(*text);
  if (draft.sink.errors() > errors) return;
  const auto rules = yara_rule_texts(rule.source);
  if (std::all_of(rules.begin(), rules.end(), [](const RuleText& one) { return one.is_private; }))
    draft.sink.error(node.at, fmt::format("'{}' holds no rule that could match", node.text),
                     "rule name { strings: ... condition: ... }, not private");
  for (const RuleText& one : rules) {
    if (one.is_private || one.needs_content) continue;
    draft.weak_rules.insert(static_cast<std::int16_t>(draft.policy.rules.size()));
    draft.sink.add(
        {Severity::kWarning, file, one.line, 0,
         fmt::format("the rule '{}' is true whatever a file holds behind its first bytes",
                     one.name),
         "demand a string; no action can rest on the rule"});
  }
}

void read_rule(const Node& node, Draft& draft) {
  Fields fields(node, "a rule", draft.sink);
  model::Rule rule;
  if (const Node* id = fields.need("id")) {
    rule.id = read_text(*id, "'id'", draft.sink).value_or("");
    if (!rule.id.empty() && !is_name(rule.id))
      draft.sink.error(id->at, fmt::format("'{}' is not a name", shown(rule.id)),
                       "small letters, digits and _, beginning with a letter");
    if (!rule.id.empty() && draft.rule(rule.id) >= 0)
      draft.sink.error(id->at, fmt::format("the rule '{}' stands here twice", shown(rule.id)));
  }
  rule.license = fields.needed_text(
      "license", "SPDX name of the licence of the rule file, such as Apache-2.0 or DRL-1.1");
  if (const Node* magic = fields.find("magic")) {
    const auto words = magics();
    rule.magic = read_text(*magic, "'magic'", draft.sink).value_or("");
    if (!rule.magic.empty() && std::find(words.begin(), words.end(), rule.magic) == words.end())
      draft.sink.error(magic->at, fmt::format("'magic' is never '{}'", shown(rule.magic)),
                       name_hint(rule.magic, {words.begin(), words.end()}));
  }
  rule.size_min = fields.size("min_size", 0);
  rule.size_max = fields.size("max_size", 0);
  if (rule.size_max && rule.size_max < rule.size_min)
    draft.sink.error(fields.find("max_size")->at, "'max_size' is below 'min_size'");
  fields.find("sha256");
  if (const Node* file = fields.need("file", "file: rules/family.yar"))
    read_rule_file(*file, fields, rule, draft);
  fields.finish();
  draft.policy.rules.push_back(std::move(rule));
  draft.rules.push_back(node.at);
}

}  // namespace

void read_lists(const Node& node, Draft& draft) {
  const Node* map = read_map(node, "'lists'", draft.sink);
  if (!map) return;
  for (const auto& entry : map->entries) read_list(entry, draft);
}

void read_rules(const Node& node, Draft& draft) {
  if (node.kind != Node::Kind::kSequence) {
    draft.sink.error(node.at, fmt::format("'rules' is a list, not {}", describe(node.kind)),
                     "- {id: name, file: rules/name.yar, sha256: ..., license: ...}");
    return;
  }
  if (node.items.size() > limits::kRules)
    draft.sink.error(node.at, fmt::format("more than {} rules", limits::kRules));
  for (std::size_t i = 0; i < std::min(node.items.size(), limits::kRules); ++i)
    read_rule(node.items[i], draft);
}

}  // namespace fleetsweep::compiler
