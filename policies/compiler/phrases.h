#pragma once

// Pieces of a policy as a person says them who has never seen the YAML. What the author wrote for a
// machine stands in double quotes, everything else is English.

#include <string>
#include <string_view>
#include <vector>

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

// Not `quoted`: wherever <iomanip> is included, std::quoted takes a std::string before us.
std::string in_quotes(std::string_view text);
// sel_hash -> "sel hash"
std::string spoken(std::string_view id);
// a, b and c
std::string joined(const std::vector<std::string>& parts, std::string_view last);

std::string size_words(std::uint64_t bytes);                         // 4 MiB
std::string duration_words(Seconds duration);                        // 1 minute 30 seconds
std::string count_words(std::uint64_t count, std::string_view one);  // 3 files, 2 entries

std::string_view object_words(model::ObjectKind object);  // a file
// A word of file.magic, file.type, persistence.kind or a registry type: "a systemd unit".
std::string_view choice_words(std::string_view choice);

std::string predicate_words(const model::Predicate& predicate);
// " (until 2027-05-01)" of what a list gave that ends.
std::string until_words(Timestamp expires);
std::string scope_words(const model::FileScope& scope);
std::string rule_words(const model::Rule& rule, model::ObjectKind object);
std::string precondition_words(const model::Precondition& precondition);

}  // namespace fleetsweep::compiler
