#pragma once

// YAML text -> a tree in which every node knows its line and column. The only user of yaml-cpp.
// Strict: one document, no anchors, aliases, tags or directives, no duplicate or compound keys,
// bounded size, depth and number of nodes. A scalar is text; what it means is decided by its
// reader.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/compiler/sink.h"

namespace fleetsweep::compiler {

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  Position at;
  bool quoted = false;  // a scalar in quotes: its text starts one column later
  std::string text;
  std::vector<Node> items;
  std::vector<Entry> entries;

  const Node* find(std::string_view key) const;
  // Of byte `offset` of a one-line scalar.
  Position inside(std::size_t offset) const;
};

struct Entry {
  std::string key;
  Position at;
  Node value;
};

// "a map", "a list", "text", "nothing": for messages.
std::string_view describe(Node::Kind kind);

// Nothing if the text is not YAML at all; every mistake found is in `sink`.
std::optional<Node> parse_source(std::string_view text, Sink& sink);

}  // namespace fleetsweep::compiler
