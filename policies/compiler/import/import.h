#pragma once

// Feeds of indicators as others publish them -> indicators, and what could not be taken and why.
// Pure: bytes in, values out. The shapes are those that the publishers document; README of each
// format: docs/importing.md.

#include <string_view>

#include "policies/compiler/import/indicator.h"

namespace fleetsweep::indicators {

enum class Format : std::uint8_t {
  kStix,     // a bundle of STIX 2.1: patterns of indicator objects
  kFeodo,    // abuse.ch Feodo Tracker: CSV, JSON or plain text
  kLoki,     // signature-base: hash-iocs.txt, filename-iocs.txt, c2-iocs.txt, told by their names
  kMisp,     // a JSON export of events or attributes
  kClamav,   // .hdb, .hsb: hash:size:name
  kOpenioc,  // 1.1, XML
  kPlain,    // hashes, addresses, domains, URLs, paths; a line each, defanged or not
};

// Fails when the bytes are no such feed at all, or say by their name what to leave alone.
Result<Imported> import_feed(Format format, std::string_view bytes, const Context& context);

// One each; `bytes` are at most limits::kImportFileBytes.
Status import_stix(std::string_view bytes, Collector& into);
Status import_feodo(std::string_view bytes, Collector& into);
Status import_loki(std::string_view bytes, Collector& into);
Status import_misp(std::string_view bytes, Collector& into);
Status import_clamav(std::string_view bytes, Collector& into);
Status import_openioc(std::string_view bytes, Collector& into);
Status import_plain(std::string_view bytes, Collector& into);

// Of hashes of Loki's that stay in their file, where no score is read: fails at the first with one.
Status check_unscored(std::string_view bytes);

}  // namespace fleetsweep::indicators

namespace fleetsweep {
template <>
struct Names<indicators::Format> {
  static constexpr std::string_view kAll[] = {"stix",   "feodo",   "loki", "misp",
                                              "clamav", "openioc", "plain"};
};
}  // namespace fleetsweep
