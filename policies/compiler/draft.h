#pragma once

// A policy in the making: what the sections of a file fill in one after the other. Indices in it
// stay valid after mistakes, because a faulty detection or verdict keeps its place.

#include <map>
#include <string>
#include <vector>

#include "policies/compiler/reader.h"

namespace fleetsweep::compiler {

struct List {
  std::string type;
  std::vector<const Node*> values;
};

// Where in the file the parts of a detection stand, for checks that come later.
struct DetectionPlace {
  Position name;
  Position scope;
  Position for_each;
  Position rule;
  bool has_scope = false;
  bool faulty = false;       // has a mistake of its own: what follows from it is not reported
  bool same_object = false;  // joined and silent about where: means that very object
};

struct ActionPlace {
  Position at;
  Position select;
};

struct Draft {
  Sink& sink;
  const ReadRule& read_rule;
  Instant now;
  std::string file;  // the policy, for messages about rule files beside it

  model::Policy policy;
  AuthorDefaults defaults;

  std::map<std::string, List, std::less<>> lists;
  std::vector<DetectionPlace> detections;
  std::vector<Position> verdicts;
  std::vector<Position> responses;
  std::vector<std::vector<ActionPlace>> actions;
  std::vector<Position> rules;
  bool join_unknown = false;   // of the detection being read: for_each names nothing
  bool expect_faulty = false;  // verify.expect has a mistake

  // Index of a name, or -1. `add` complains about a second one and about unusable names.
  int detection(std::string_view id) const;
  int verdict(std::string_view id) const;
  int rule(std::string_view id) const;
  std::vector<std::string_view> detection_names() const;
  std::vector<std::string_view> verdict_names() const;
};

// [a-z][a-z0-9_]{0,63} and not a word of the condition language.
bool is_name(std::string_view text);
// The same names with a trailing `*`: indices of all detections that it covers.
std::vector<std::uint16_t> expand_pattern(std::string_view pattern, const Draft& draft);

// The sections, in the order in which they need each other.
void read_metadata(const Node& node, Draft& draft);
void read_target(const Node& node, Draft& draft);
void read_schedule(const Node& node, Draft& draft);
void read_resources(const Node* node, Draft& draft);
void read_lists(const Node& node, Draft& draft);
void read_rules(const Node& node, Draft& draft);
void read_detections(const Node& node, Draft& draft);
void read_verdicts(const Node& node, Draft& draft);
void read_responses(const Node& node, Draft& draft);
void read_safety(const Node* node, Draft& draft);
void read_verify(const Node* node, Draft& draft);

// Checks that need the whole policy; `safety` and `verify` may be null.
void check_policy(const Node& root, Draft& draft);

}  // namespace fleetsweep::compiler
