#pragma once

// The policy compiler: YAML that people write -> model::Policy that agents obey. Runs on the
// operator's machine only; agents never parse YAML.
//
// Every mistake of a file is found in one run and reported with line, column and a hint. A policy
// with an error compiles to nothing. The same text, rules and `now` always give the same result.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/names.h"
#include "protocol/base/time.h"
#include "protocol/model/order.h"
#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

enum class Severity : std::uint8_t { kError, kWarning };

// One mistake. Lines and columns count from 1; 0 means the file as a whole.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
  std::string hint;  // what to do about it; may be empty
  bool operator==(const Diagnostic&) const = default;
};

enum class SafetyMode : std::uint8_t { kDetect, kPlan, kEnforce };

// When a fleet should stop by itself; thousandths of the hosts that answered.
struct FleetStop {
  std::uint16_t hosts_hit_permille = 0;
  std::uint16_t failed_permille = 0;
  std::uint16_t respawned_permille = 0;
  std::uint16_t silent_after_permille = 0;
  bool operator==(const FleetStop&) const = default;
};

// What the author suggests for an order: `fleetsweep order draft` starts from it. Nothing of it is
// in the compiled policy and no agent reads it.
struct AuthorDefaults {
  std::uint64_t version = 0;  // rises with every edition of the policy
  std::string status;         // Sigma: stable, test, experimental, deprecated, unsupported
  std::string description;
  std::string author;
  std::string tlp;
  std::optional<Timestamp> created;
  std::optional<Timestamp> modified;
  std::optional<Timestamp> valid_from;
  std::optional<Timestamp> valid_until;
  bool revoked = false;
  std::uint8_t impact = 0;  // CACAO: 0 harmless .. 100
  std::vector<std::string> aliases;
  std::vector<std::string> malware_types;
  std::vector<std::string> tags;
  std::vector<std::string> references;
  std::vector<std::string> falsepositives;

  model::Authority authority;
  std::string authority_scope;
  std::uint8_t approvals_required = 0;

  std::vector<std::string> labels_all_of;
  std::vector<std::string> labels_none_of;

  std::optional<Timestamp> not_before;  // read in `clock`
  model::Clock clock = model::Clock::kUtc;
  std::vector<model::Window> windows;
  Seconds jitter{};
  Seconds repeat{};    // 0: once
  Seconds deadline{};  // the order ends so long after its start; 0: the author does not say
  bool scan_ahead = false;

  SafetyMode mode = SafetyMode::kPlan;  // detect and plan draft a dry run, enforce an apply
  FleetStop fleet_stop;

  bool operator==(const AuthorDefaults&) const = default;
};

struct Compiled {
  model::Policy policy;  // empty when there is an error
  AuthorDefaults defaults;
  Bytes hashes;  // the parts of its hash sets, in the order of hash_set::hash_parts()
  std::vector<Diagnostic> diagnostics;  // by file, line, column; the first of very many
  bool failed = false;

  bool ok() const { return !failed; }  // no error; warnings may be there
};

// Text of a file that a policy names, relative to the policy: a rule, a list of hashes. Fails when
// it cannot be read, or is longer.
using ReadFile =
    std::function<Result<std::string>(const std::string& relative_path, std::size_t size_max)>;

// Fails only when the file cannot be read; mistakes in it are diagnostics.
Result<Compiled> compile_file(const std::string& path, Instant now);

// `name` stands for the file in diagnostics.
Compiled compile_text(std::string_view yaml, const std::string& name, const ReadFile& read_file,
                      Instant now);

// Texts for a terminal; the last line has no end yet.

// The policy in plain words: what it looks for, what counts, what it will do in the engine's order,
// what it never touches, its limits, what its author suggests for an order, what agents of this
// version leave undone, and the class of order it needs.
std::string explain(const model::Policy& policy, const AuthorDefaults& defaults);

// Lint output: a line for each mistake, the source line with a caret, the hint, and a last line
// with the count. `source` is the text of the policy file; empty: no source lines.
std::string lint_text(const std::vector<Diagnostic>& diagnostics, std::string_view source);

// [{"severity","file","line","column","message","hint"}]
std::string diagnostics_json(const std::vector<Diagnostic>& diagnostics);

}  // namespace fleetsweep::compiler

namespace fleetsweep {
template <>
struct Names<compiler::Severity> {
  static constexpr std::string_view kAll[] = {"error", "warning"};
};
template <>
struct Names<compiler::SafetyMode> {
  static constexpr std::string_view kAll[] = {"detect", "plan", "enforce"};
};
}  // namespace fleetsweep
