#include "policies/compiler/import/write.h"

#include <algorithm>
#include <map>
#include <set>

#include "policies/compiler/field_table.h"
#include "policies/compiler/import/groups.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/import/value_text.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::indicators {
namespace {

using compiler::field_info;
using compiler::object_of;
using model::Field;
using model::Match;
using model::ObjectKind;

constexpr std::size_t kListValues = limits::kPredicateValues / 2;
constexpr std::string_view kUnsized =
    "file.size|lt: 64MiB  # no size is known: every smaller file is hashed; a scope or file.magic "
    "would read less\n";

std::string key_of(const Term& term) {
  constexpr std::string_view kModifiers[] = {"",        "|contains", "|startswith", "|endswith",
                                             "|re",     "|cidr",     "|gt",         "|lt",
                                             "|exists", "|domain"};
  return fmt::format("{}{}{}", name(term.field), kModifiers[static_cast<std::size_t>(term.match)],
                     term.caseless ? "|i" : "");
}

// What stands under one detection: alternatives, each a map in YAML.
struct Detection {
  std::string id;
  std::string what;
  ObjectKind object = ObjectKind::kFile;
  int score = 0;
  std::vector<Term> none_of;
  std::vector<std::string> selections;
};

class Writer {
 public:
  explicit Writer(const PolicyHead& head) : head_(head) {}

  WrittenPolicy write(Groups groups) {
    written_.not_taken = std::move(groups.left_out);
    for (auto& [key, members] : groups.hashes) write_hashes(key, members);
    for (const HashFile& file : head_.hash_files) write_hash_file(file);
    for (auto& [key, members] : groups.addresses) write_addresses(key, members);
    for (auto& [key, members] : groups.commands) write_commands(key, members);
    for (auto& [key, members] : groups.values) write_values(key, members);
    for (auto& [key, members] : groups.combinations) write_combinations(key, members);
    std::string detections = write_detections();
    written_.yaml = head() + (lists_.empty() ? "" : "lists:\n" + lists_) + "detections:\n" +
                    detections + verdicts();
    return std::move(written_);
  }

 private:
  // --- lists ----------------------------------------------------------------------------------

  static std::string_view list_type(const Term& term) {
    const auto info = field_info(term.field);
    if (info.holds == compiler::Holds::kHash)
      return info.hash_bytes == 32 ? "sha-256" : info.hash_bytes == 20 ? "sha-1" : "md5";
    if (info.holds == compiler::Holds::kAddress)
      return term.value.find(':') != std::string::npos ? "ipv6-addr" : "ipv4-addr";
    return term.match == Match::kDomain ? "domain-name" : "text";
  }

  std::string numbered(const std::string& id) {
    const auto number = ++numbers_[id];
    return number == 1 ? id : fmt::format("{}_{}", id, number);
  }

  // `values` are lines of YAML; gives the list's name.
  std::string add_list(const std::string& id, std::string_view type,
                       std::optional<Timestamp> expires, std::string_view values) {
    const std::string list = numbered(id);
    lists_ += fmt::format("  {}:\n    type: {}\n", list, type);
    if (expires) lists_ += fmt::format("    expires: {}\n", to_rfc3339(*expires));
    lists_ += fmt::format("    values:\n{}", values);
    return list;
  }

  // Writes lists of at most kListValues; `use` is told the name of each.
  void add_lists(const std::string& id, const Members& members, Field field, auto use) {
    for (std::size_t from = 0; from < members.size(); from += kListValues) {
      const Members here(members.begin() + static_cast<std::ptrdiff_t>(from),
                         members.begin() + static_cast<std::ptrdiff_t>(
                                               std::min(from + kListValues, members.size())));
      std::optional<Timestamp> expires;
      std::string values;
      for (const Indicator* one : here) {
        if (one->expires) expires = expires ? std::min(*expires, *one->expires) : *one->expires;
        values +=
            fmt::format("      - {}{}\n", value_text(*term_of(*one, field)), in_comment(*one));
      }
      use(add_list(id, list_type(*term_of(*here[0], field)), expires, values), here);
    }
  }

  void write_hash_file(const HashFile& file) {
    const int in_band = head_.confidence / kBand * kBand;
    for (const HashFile::Kind& kind : file.kinds) {
      const std::string list = fmt::format("hash_file_{}", ++hash_lists_);
      lists_ += fmt::format("  {}:  # {} hashes\n    type: {}\n    file: {}\n    sha256: {}\n",
                            list, kind.count, list_type({.field = kind.field}),
                            yaml_text(file.path), file.digest.hex());
      std::string selection = kind.is_sized || !head_.scope.empty() ? "" : std::string(kUnsized);
      selection += fmt::format("{}: \"@lists/{}\"\n", name(kind.field), list);
      add(in_band, "hash", ObjectKind::kFile, {}, std::move(selection), {});
      written_.taken[static_cast<std::size_t>(Kind::kHash)] += kind.count;
    }
  }

  void write_hashes(const HashKey& key, const Members& members) {
    std::string type(list_type({.field = key.field}));
    std::replace(type.begin(), type.end(), '-', '_');
    const std::string id = fmt::format("c{}_{}{}", key.band, type, key.sized ? "_sized" : "");
    add_lists(with_month(id, key.month), members, key.field,
              [&](const std::string& list, const Members& here) {
                std::string selection;
                if (key.sized) {
                  // A size that no file of the list has keeps a file from being read.
                  std::set<std::uint64_t> sizes;
                  for (const Indicator* one : here)
                    sizes.insert(std::stoull(term_of(*one, Field::kFileSize)->value));
                  selection = fmt::format("file.size: [{}]\n", fmt::join(sizes, ", "));
                } else if (head_.scope.empty()) {
                  selection = std::string(kUnsized);
                }
                selection += fmt::format("{}: \"@lists/{}\"\n", name(key.field), list);
                add(key.band, "hash", ObjectKind::kFile, key.none_of, std::move(selection), here);
              });
  }

  void write_addresses(const AddressKey& key, const Members& members) {
    std::string id = fmt::format("c{}_{}{}", key.band, key.v6 ? "ipv6" : "ipv4",
                                 key.match == Match::kCidr ? "_ranges" : "");
    if (!key.port.empty()) id += "_port_" + key.port;
    add_lists(with_month(id, key.month), members, Field::kNetworkDstRef,
              [&](const std::string& list, const Members& here) {
                std::string selection = fmt::format("network-traffic.dst_ref{}: \"@lists/{}\"\n",
                                                    key.match == Match::kCidr ? "|cidr" : "", list);
                if (!key.port.empty())
                  selection += fmt::format("network-traffic.dst_port: {}\n", key.port);
                add(key.band, "address", ObjectKind::kNetworkTraffic, {}, std::move(selection),
                    here);
              });
  }

  // Hosts do not tell whom they asked for a name; what starts by itself and what runs may say it.
  void write_commands(const CommandKey& key, const Members& members) {
    const bool domain = key.kind == Kind::kDomain;
    add_lists(with_month(fmt::format("c{}_{}", key.band, domain ? "domains" : "urls"), key.month),
              members, Field::kPersistenceCommand,
              [&](const std::string& list, const Members& here) {
                const char* word = domain ? "domain" : "url";
                Term first = here[0]->all_of[0];
                const auto selection = [&](Field field) {
                  first.field = field;
                  return fmt::format("{}: \"@lists/{}\"\n", key_of(first), list);
                };
                add(key.band, fmt::format("{}_starts", word), ObjectKind::kPersistence, {},
                    selection(Field::kPersistenceCommand), here);
                add(key.band, fmt::format("{}_runs", word), ObjectKind::kProcess, {},
                    selection(Field::kProcessCommandLine), {});
              });
  }

  static std::string with_month(std::string id, std::string month) {
    std::replace(month.begin(), month.end(), '-', '_');
    return month.empty() ? id : id + "_until_" + month;
  }

  // --- selections -----------------------------------------------------------------------------

  static std::string value_text(const Term& term) {
    const auto holds = field_info(term.field).holds;
    return compiler::is_number(holds) ? term.value : yaml_text(term.value);
  }

  void write_values(const ValueKey& key, const Members& members) {
    const Term& first = members[0]->all_of[0];
    const auto use = [&](std::string selection, const Members& here) {
      add(key.band, category(first), object_of(key.field), key.none_of, std::move(selection), here);
    };
    if (!key.month.empty())
      return add_lists(with_month(fmt::format("c{}_{}", key.band, category(first)), key.month),
                       members, key.field, [&](const std::string& list, const Members& here) {
                         use(fmt::format("{}: \"@lists/{}\"\n", key_of(first), list), here);
                       });
    for (std::size_t from = 0; from < members.size(); from += kListValues) {
      const Members here(members.begin() + static_cast<std::ptrdiff_t>(from),
                         members.begin() + static_cast<std::ptrdiff_t>(
                                               std::min(from + kListValues, members.size())));
      std::string selection = key_of(first) + ":\n";
      for (const Indicator* one : here)
        selection += fmt::format("  - {}{}\n", value_text(one->all_of[0]), in_comment(*one));
      use(std::move(selection), here);
    }
  }

  static std::string category(const Term& term) {
    switch (object_of(term.field)) {
      case ObjectKind::kFile:
        return term.field == Field::kFileName ? "file_name" : "file";
      case ObjectKind::kProcess:
        return "process";
      case ObjectKind::kPersistence:
        return "starts";
      case ObjectKind::kNetworkTraffic:
        return "traffic";
      case ObjectKind::kWindowsRegistryKey:
        return "registry";
    }
    return {};
  }

  // Of what must be true together the first stands in a list: all of it ends when that does.
  std::string ending_list(int in_band, const Indicator& one,
                          const std::vector<std::string>& values) {
    const Term& first = one.all_of[0];
    const auto id = with_month(fmt::format("c{}_{}", in_band, category(first)), month_of(one));
    return fmt::format("\"@lists/{}\"",
                       add_list(id, list_type(first), one.expires,
                                fmt::format("      - {}\n", fmt::join(values, "\n      - "))));
  }

  static bool has_hash(const Indicator& one) {
    return std::any_of(one.all_of.begin(), one.all_of.end(),
                       [](const Term& term) { return is_hash(term.field); });
  }

  // Nothing else that it demands keeps a file from being hashed: every one has more than 0 bytes.
  static bool is_unsized_hash(const Indicator& one) {
    return has_hash(one) && std::all_of(one.all_of.begin(), one.all_of.end(), [](const Term& term) {
             return is_hash(term.field) || (term.field == Field::kFileSize &&
                                            term.match == Match::kGreater && term.value == "0");
           });
  }

  void write_combinations(const CombinationKey& key, const Members& members) {
    for (const Indicator* one : members) {
      std::string selection;
      std::set<std::string> keys;
      if (head_.scope.empty() && is_unsized_hash(*one)) selection = std::string(kUnsized);
      for (const Term& term : one->all_of) {
        // A map holds a key once: two patterns of one name stand under `all`.
        if (!keys.insert(key_of(term)).second) continue;
        std::vector<std::string> values;
        for (const Term& other : one->all_of)
          if (key_of(other) == key_of(term)) values.push_back(value_text(other));
        selection += key_of(term) + (values.size() == 1 ? ": " : "|all: ");
        if (one->expires && keys.size() == 1)
          selection += ending_list(key.band, *one, values);
        else
          selection +=
              values.size() == 1 ? values[0] : fmt::format("[{}]", fmt::join(values, ", "));
        selection += keys.size() == 1 ? in_comment(*one) + "\n" : "\n";
      }
      const bool by_hash =
          key.object == ObjectKind::kFile && has_hash(*one) && !term_of(*one, Field::kFilePath);
      add(key.band, by_hash ? "hash_all_of" : category(one->all_of[0]) + "_all_of", key.object,
          key.none_of, std::move(selection), {one});
    }
  }

  // --- detections -----------------------------------------------------------------------------

  // The indicators count as taken when their detection has room.
  void add(int in_band, const std::string& what, ObjectKind object, std::vector<Term> none_of,
           std::string selection, const Members& members) {
    const auto open =
        std::find_if(detections_.rbegin(), detections_.rend(), [&](const Detection& one) {
          return one.score == in_band && one.what == what && one.object == object &&
                 one.none_of == none_of && one.selections.size() < limits::kSelections;
        });
    if (open != detections_.rend()) {
      open->selections.push_back(std::move(selection));
    } else if (detections_.size() < limits::kDetections) {
      detections_.push_back({numbered(fmt::format("c{}_{}", in_band, what)),
                             what,
                             object,
                             in_band,
                             std::move(none_of),
                             {std::move(selection)}});
      bands_.insert(in_band);
    } else {
      for (const Indicator* one : members)
        written_.not_taken.push_back(
            {one->origins[0], shown_note(one->all_of[0].value),
             fmt::format("no room: a policy has at most {} detections", limits::kDetections)});
      return;
    }
    for (const Indicator* one : members) ++written_.taken[static_cast<std::size_t>(one->kind)];
  }

  static std::string indented(std::string_view text, std::string_view first,
                              std::string_view rest) {
    std::string result;
    bool is_first = true;
    for (std::size_t from = 0; from < text.size();) {
      const auto end = text.find('\n', from);
      result += fmt::format("{}{}\n", is_first ? first : rest, text.substr(from, end - from));
      is_first = false;
      from = end + 1;
    }
    return result;
  }

  std::string write_detections() {
    std::string text;
    for (const Detection& detection : detections_) {
      text += fmt::format("  {}:\n    object: {}\n", detection.id, name(detection.object));
      // A whole path or a pattern of paths needs no scope, and would never match outside of it.
      if (detection.what.starts_with("hash") && !head_.scope.empty()) {
        std::vector<std::string> paths;
        for (const std::string& path : head_.scope) paths.push_back(yaml_text(path));
        text += fmt::format("    scope: {{paths: [{}]}}\n", fmt::join(paths, ", "));
      }
      text += "    where:\n";
      for (const std::string& selection : detection.selections)
        text += indented(selection, "      - ", "        ");
      if (!detection.none_of.empty()) text += "    not:\n";
      for (const Term& term : detection.none_of)
        text += fmt::format("      - {}: {}\n", key_of(term), value_text(term));
      text += fmt::format("    score: {}\n", detection.score);
    }
    return text;
  }

  std::string verdicts() {
    std::string text = "verdicts:\n";
    std::vector<std::string> ids;
    for (const int in_band : bands_) {
      ids.push_back(fmt::format("indicator_{}", in_band));
      const char* level = in_band >= 80   ? "high"
                          : in_band >= 60 ? "medium"
                          : in_band >= 40 ? "low"
                                          : "informational";
      text += fmt::format("  {}: {{condition: 1 of c{}_*, confidence: {}, level: {}}}\n",
                          ids.back(), in_band, in_band, level);
    }
    return text +
           fmt::format("responses:\n  - on: [{}]\n    actions: [{{action: report}}]\n",
                       fmt::join(ids, ", ")) +
           "safety: {mode: detect}\n";
  }

  // --- the head -------------------------------------------------------------------------------

  // The same title and family are the same policy, imported again. UUID version 8 (RFC 9562).
  std::string policy_id() const {
    auto digest =
        crypto::sha256(as_bytes("fleetsweep import\n" + head_.family + "\n" + head_.title));
    digest.value[6] = static_cast<std::uint8_t>((digest.value[6] & 0x0f) | 0x80);
    digest.value[8] = static_cast<std::uint8_t>((digest.value[8] & 0x3f) | 0x80);
    const std::string hex = digest.hex();
    return fmt::format("policy--{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4),
                       hex.substr(12, 4), hex.substr(16, 4), hex.substr(20, 12));
  }

  std::string head() const {
    std::string text =
        "# Imported indicators. Review them: a feed is others' word, and all of it may be wrong "
        "on your hosts.\n"
        "# c80_* are the detections of confidence 80 to 84; a value's comment says where it stands "
        "in its feed.\n";
    text +=
        fmt::format("# Licence of the feeds: {}\n",
                    head_.license.empty() ? "unknown; ask their publisher before you pass this on"
                                          : shown_note(head_.license));
    text +=
        fmt::format("apiVersion: fleetsweep/v1\nkind: Policy\nmetadata:\n  id: {}\n", policy_id());
    text += fmt::format("  title: {}\n  version: 1\n  status: experimental\n  author: {}\n",
                        yaml_text(head_.title), yaml_text(head_.author));
    text += fmt::format("  created: {0}\n  valid_from: {0}\n  malware: {{family: {1}}}\n",
                        to_rfc3339(head_.now), yaml_text(head_.family));
    text += "  references:\n";
    for (const std::string& source : head_.sources)
      text += fmt::format("    - {{source_name: {}}}\n", yaml_text(shown_note(source)));
    text += fmt::format("  authority: {{legal_basis: {}, issuer: {}, reference: {}}}{}\n",
                        head_.legal_basis, yaml_text(head_.issuer), yaml_text(head_.reference),
                        head_.issuer == "TODO" || head_.reference == "TODO"
                            ? "  # TODO: who orders it, and under which number"
                            : "");
    return text + fmt::format("target: {{platform: {}}}\n", name(head_.platform));
  }

  const PolicyHead& head_;
  std::string lists_;
  std::size_t hash_lists_ = 0;
  std::vector<Detection> detections_;
  std::map<std::string, int> numbers_;
  std::set<int> bands_;
  WrittenPolicy written_;
};

}  // namespace

WrittenPolicy write_policy(const std::vector<Indicator>& indicators, const PolicyHead& head) {
  return Writer(head).write(grouped(indicators, head.confidence));
}

}  // namespace fleetsweep::indicators
