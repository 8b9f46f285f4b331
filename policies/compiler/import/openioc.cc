// OpenIOC 1.1: a tree of Indicator (AND, OR) over IndicatorItem, each a search term, a condition
// and a content. pugixml reads no DTD and expands no entity of the file's own.

#include <algorithm>
#include <cstring>
#include <pugixml.hpp>

#include "policies/compiler/field_table.h"
#include "policies/compiler/import/formula.h"
#include "policies/compiler/import/import.h"
#include "policies/compiler/import/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

using model::Field;
using model::Match;

struct Known {
  std::string_view search;
  Subject subject;
};
constexpr Known kKnown[] = {
    {"FileItem/Md5sum", {Field::kFileMd5}},
    {"FileItem/Sha1sum", {Field::kFileSha1}},
    {"FileItem/Sha256sum", {Field::kFileSha256}},
    {"FileItem/FileName", {Field::kFileName}},
    {"FileItem/FullPath", {Field::kFilePath}},
    {"FileItem/FilePath", {.field = Field::kFilePath, .is_folder = true}},  // FullPath has the name
    {"FileItem/FileExtension", {Field::kFileExtension}},
    {"FileItem/SizeInBytes", {Field::kFileSize}},
    {"PortItem/remoteIP", {Field::kNetworkDstRef}},
    {"PortItem/remotePort", {Field::kNetworkDstPort}},
    {"PortItem/localPort", {Field::kNetworkSrcPort}},
    {"PortItem/process", {Field::kNetworkProcessName}},
    {"Network/DNS", {Field::kPersistenceCommand, Kind::kDomain}},
    {"DnsEntryItem/Host", {Field::kPersistenceCommand, Kind::kDomain}},
    {"DnsEntryItem/RecordName", {Field::kPersistenceCommand, Kind::kDomain}},
    {"Network/URI", {Field::kPersistenceCommand, Kind::kUrl}},
    {"UrlHistoryItem/URL", {Field::kPersistenceCommand, Kind::kUrl}},
    {"ProcessItem/name", {Field::kProcessName}},
    {"ProcessItem/path", {Field::kProcessExePath}},
    {"ProcessItem/arguments", {Field::kProcessCommandLine}},
    {"RegistryItem/Path", {Field::kRegistryKey}},
    {"RegistryItem/KeyPath", {Field::kRegistryKey}},
    {"RegistryItem/ValueName", {Field::kRegistryValueName}},
    {"RegistryItem/Value", {Field::kRegistryValueData}},
    {"RegistryItem/Text", {Field::kRegistryValueData}},
};

// Comments and CDATA cut a text into several.
std::string text_of(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node& part : node.children()) text += part.value();
  return text;
}

bool has_elements(const pugi::xml_node& node) {
  return static_cast<bool>(node.find_child(
      [](const pugi::xml_node& part) { return part.type() == pugi::node_element; }));
}

class Reader {
 public:
  Reader(std::string_view bytes, model::Platform platform) : platform_(platform) {
    for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
         at = bytes.find('\n', at + 1))
      line_ends_.push_back(static_cast<std::ptrdiff_t>(at));
  }

  std::uint32_t line_of(const pugi::xml_node& node) const {
    const auto next = std::lower_bound(line_ends_.begin(), line_ends_.end(), node.offset_debug());
    return static_cast<std::uint32_t>(1 + (next - line_ends_.begin()));
  }

  Formula group(const pugi::xml_node& node, std::size_t depth) const;

 private:
  std::string place(const pugi::xml_node& node) const {
    return fmt::format(" (line {})", line_of(node));
  }

  Formula item(const pugi::xml_node& node) const {
    const std::string search = node.child("Context").attribute("search").value();
    if (has_elements(node.child("Content")))
      return on_line(Formula::problem(search + ": its content holds elements" + place(node)),
                     line_of(node));
    if (search == "RegistryItem/Path" &&
        in_small_letters(node.attribute("condition").value()) == "is")
      return on_line(compared_registry_path(trimmed(text_of(node.child("Content"))),
                                            node.attribute("negate").as_bool()),
                     line_of(node));
    return on_line(Formula::of(comparison(node)), line_of(node));
  }

  static Formula on_line(Formula formula, std::uint32_t line) {
    formula.leaf.line = line;
    for (Formula& part : formula.parts) part = on_line(std::move(part), line);
    return formula;
  }

  Leaf comparison(const pugi::xml_node& node) const {
    const std::string search = node.child("Context").attribute("search").value();
    std::string content(trimmed(text_of(node.child("Content"))));
    const std::string condition = in_small_letters(node.attribute("condition").value());
    const auto known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                    [&](const Known& one) { return one.search == search; });
    if (known == std::end(kKnown))
      return unsupported(fmt::format("no field of the policy language for '{}'{}",
                                     shown_note(search), place(node)));
    constexpr std::pair<std::string_view, Match> kConditions[] = {
        {"is", Match::kEquals},          {"contains", Match::kContains},
        {"matches", Match::kRegex},      {"starts-with", Match::kStartsWith},
        {"ends-with", Match::kEndsWith}, {"greater-than", Match::kGreater},
        {"less-than", Match::kLess}};
    for (auto [word, match] : kConditions) {
      if (word != condition) continue;
      if (search == "RegistryItem/KeyPath" && match == Match::kEquals) {
        match = Match::kEndsWith;  // it has no hive
        content = "\\" + content;
      }
      Leaf leaf = compared(known->subject, match, content);
      leaf.negated = node.attribute("negate").as_bool();
      if (!node.attribute("preserve-case").as_bool() && is_cased(leaf.term, platform_))
        leaf.term.caseless = true;
      if (!leaf.problem.empty()) leaf.problem = search + ": " + leaf.problem + place(node);
      return leaf;
    }
    return unsupported(
        fmt::format("the condition '{}' of {}{}", shown_note(condition), search, place(node)));
  }

  model::Platform platform_;
  std::vector<std::ptrdiff_t> line_ends_;
};

Formula Reader::group(const pugi::xml_node& node, std::size_t depth) const {
  if (depth > limits::kImportDepth)
    return Formula::problem(fmt::format("more than {} groups", limits::kImportDepth));
  const std::string operation = in_small_letters(node.attribute("operator").value());
  if (operation != "and" && operation != "or")
    return Formula::problem(fmt::format("the operator '{}'{}", shown_note(operation), place(node)));
  Formula formula{operation == "and" ? Formula::Part::kAnd : Formula::Part::kOr, {}, {}};
  for (const pugi::xml_node& part : node.children()) {
    if (std::strcmp(part.name(), "IndicatorItem") == 0)
      formula.parts.push_back(item(part));
    else if (std::strcmp(part.name(), "Indicator") == 0)
      formula.parts.push_back(group(part, depth + 1));
  }
  // None of it can be true, and what is demanded beside it would be lost in silence.
  if (formula.parts.empty())
    return on_line(Formula::problem("a group without an item" + place(node)), line_of(node));
  return formula;
}

}  // namespace

Status import_openioc(std::string_view bytes, Collector& into) {
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(bytes.data(), bytes.size(), pugi::parse_default | pugi::parse_ws_pcdata);
  if (!parsed)
    return fail(Code::kInvalid, "not XML: {} (byte {})", parsed.description(), parsed.offset);
  const pugi::xml_node root = document.document_element();
  const pugi::xml_node criteria = root.child("criteria");
  if (std::strcmp(root.name(), "OpenIOC") != 0 || !criteria)
    return fail(Code::kInvalid,
                "its first element is <{}>; expected <OpenIOC> with <criteria> (OpenIOC 1.1)",
                shown_note(root.name()));
  const Reader reader(bytes, into.context().platform);
  const std::string described = text_of(root.child("metadata").child("short_description"));
  for (const pugi::xml_node& top : criteria.children("Indicator")) {
    Indicator like;
    like.origins = {into.origin(reader.line_of(top), described, root.attribute("id").value())};
    take_alternatives(reader.group(top, 0), like, described, into);
  }
  return {};
}

}  // namespace fleetsweep::indicators
