#pragma once

// A policy in the making: what the sections of a file fill in one after the other. Indices in it
// stay valid after mistakes, because a faulty detection or verdict keeps its place.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "policies/compiler/reader.h"
#include "protocol/base/ids.h"

namespace fleetsweep::compiler {

struct List {
  std::string type;
  std::vector<const Node*> values;
  std::vector<model::HashPart> parts;  // of a file of hashes, instead of values
  bool is_sized = false;               // the size of each is known
  Timestamp expires;                   // 0: no end
  Position at;
  bool used = false;
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
  const ReadFile& read_file;
  Instant now;
  std::string file;  // the policy, for messages about files beside it

  model::Policy policy;
  AuthorDefaults defaults;

  std::map<std::string, List, std::less<>> lists;
  std::map<Digest, Bytes> hash_parts;  // of all lists
  std::set<Digest> sized_parts;        // of those whose every hash has a size
  std::vector<DetectionPlace> detections;
  std::vector<Position> verdicts;
  std::set<std::uint16_t> faulty_verdicts;  // the condition has a mistake
  std::vector<Position> responses;
  std::vector<std::vector<ActionPlace>> actions;
  std::vector<Position> rules;
  std::set<std::int16_t> weak_rules;  // true of any file of some size and beginning
  bool join_unknown = false;          // of the detection being read: for_each names nothing
  bool expect_faulty = false;         // verify.expect has a mistake

  // What lies beside the policy: the parts that it names, one after the other.
  Bytes hashes() const;

  // Index of a name, or -1. `add` complains about a second one and about unusable names.
  int detection(std::string_view id) const;
  int verdict(std::string_view id) const;
  int rule(std::string_view id) const;
  std::vector<std::string_view> detection_names() const;
  std::vector<std::string_view> verdict_names() const;
};

// The text of a file that stands under `node`: beside the policy, and pinned by the digest under
// `pin`, which is nullptr when nobody wrote one. `what` names it in messages ("the rule 'x'").
// Nothing after a mistake.
std::optional<std::string> read_beside(const Node& node, const Node* pin, std::string_view what,
                                       std::size_t size_max, Draft& draft);
// Path of such a file as it stands in messages.
std::string beside(const std::string& policy, const std::string& file);

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
