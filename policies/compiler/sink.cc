#include "policies/compiler/sink.h"

#include <algorithm>
#include <tuple>

#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Optimal string alignment: insert, delete, replace, swap neighbours; without regard to case.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

void Sink::error(Position at, std::string message, std::string hint) {
  add({Severity::kError, file_, at.line, at.column, std::move(message), std::move(hint)});
}

void Sink::warning(Position at, std::string message, std::string hint) {
  add({Severity::kWarning, file_, at.line, at.column, std::move(message), std::move(hint)});
}

void Sink::add(Diagnostic diagnostic) {
  const bool is_error = diagnostic.severity == Severity::kError;
  errors_ += is_error;
  if (diagnostics_.size() < limits::kDiagnostics)
    return diagnostics_.push_back(std::move(diagnostic));
  // A policy that does not compile has to say why: an error takes the place of a warning.
  const auto warning = std::ranges::find(diagnostics_, Severity::kWarning, &Diagnostic::severity);
  if (is_error && warning != diagnostics_.end()) *warning = std::move(diagnostic);
}

std::vector<Diagnostic> Sink::take() {
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.file, d.line, d.column, d.message);
  };
  std::sort(diagnostics_.begin(), diagnostics_.end(),
            [&](const Diagnostic& a, const Diagnostic& b) {
              if ((a.file == file_) != (b.file == file_)) return a.file == file_;
              return key(a) < key(b);
            });
  diagnostics_.erase(std::unique(diagnostics_.begin(), diagnostics_.end()), diagnostics_.end());
  return std::move(diagnostics_);
}

std::string_view nearest(std::string_view text, const std::vector<std::string_view>& known) {
  std::string_view best;
  if (text.size() > 64) return best;
  // A third of the letters may be wrong; more is another word.
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const auto candidate : known) {
    const std::size_t d = distance(text, candidate);
    if (d < best_distance) best = candidate, best_distance = d;
  }
  return best;
}

std::string listed(const std::vector<std::string_view>& names) {
  std::string list;
  for (const auto name : names) {
    if (!list.empty()) list += ", ";
    if (list.size() > 200) return list + "...";
    list += name;
  }
  return list;
}

std::string name_hint(std::string_view text, const std::vector<std::string_view>& known) {
  if (const auto near = nearest(text, known); !near.empty())
    return fmt::format("did you mean '{}'?", near);
  return known.empty() ? std::string() : "expected one of " + listed(known);
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return text.size() <= kShown ? escaped(text) : escaped(text.substr(0, kShown)) + "...";
}

}  // namespace fleetsweep::compiler
