#pragma once

// What a pattern demands, as a tree of and and or over comparisons, and the indicators it comes to.

#include <string>
#include <string_view>
#include <vector>

#include "policies/compiler/import/indicator.h"

namespace fleetsweep::indicators {

// What a feed compares: a field of the language, or a domain or URL, which is looked for in
// commands.
struct Subject {
  model::Field field = model::Field::kFilePath;
  Kind kind = Kind::kCombination;  // kDomain, kUrl; of everything else the field says it
  bool is_folder = false;          // of the path only what stands before the name
};

struct Leaf {
  Term term;
  Kind kind = Kind::kCombination;
  bool negated = false;
  std::string folder;           // the term is about any file in it
  bool is_folder_part = false;  // the term is about the path before the name
  bool is_reading = false;      // the name of a value that the feed's path may end in
  std::uint32_t line = 0;       // of the feed; 0: it has none
  std::string problem;          // what of it cannot be said in the language; empty: it can
};

struct Formula {
  enum class Part : std::uint8_t { kLeaf, kAnd, kOr };
  Part part = Part::kLeaf;
  Leaf leaf;
  std::vector<Formula> parts;

  static Formula of(Leaf leaf) { return {Part::kLeaf, std::move(leaf), {}}; }
  static Formula problem(std::string why);
};

// The comparison in the words of the language, its value checked and made canonical.
Leaf compared(Subject subject, model::Match match, std::string_view value);
// SQL's LIKE: % is anything, _ is one letter.
Leaf compared_like(Subject subject, std::string_view pattern);
// A path in the registry, which is a key's or, with the name of a value behind it, a value's: no
// feed says which.
Formula compared_registry_path(std::string_view path, bool negated = false);
Leaf unsupported(std::string why);

// Each alternative becomes an indicator or is refused by what cannot be said of it; a whole name in
// a whole folder is a path. Origin,
// confidence and times of `like` go to each; the line is that of its first comparison.
void take_alternatives(const Formula& formula, const Indicator& like, std::string_view shown,
                       Collector& into);

}  // namespace fleetsweep::indicators
