#include "agent/report/undo.h"

#include <algorithm>

#include "agent/plan/guard.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::agent {

namespace {

using model::Outcome;
using model::Reason;

// In a sentence; all of them stand in the receipt.
constexpr std::size_t kNamed = 5;

std::string why(const model::ReceiptItem& item) {
  const bool is_file = plan::takes_files(item.action);
  switch (item.reason) {
    case Reason::kNone:
      return "it did not come to that";
    case Reason::kConflict:
      return is_file ? "another file is there" : "something else is there, or it was changed since";
    case Reason::kGone:
      return is_file ? "its folder is missing" : "what it was in is missing";
    case Reason::kExpired:
      return "purged from the vault, it cannot come back";
    default:
      return {};
  }
}

// Steps that an undo did not come to are as the cleaning left them.
bool is_left(const model::ReceiptItem& item) {
  return item.outcome == Outcome::kFailed ||
         (item.outcome == Outcome::kDone && plan::is_intrusive(item.action));
}

}  // namespace

std::vector<NotPutBack> not_put_back(const model::ActDone& undo) {
  std::vector<NotPutBack> left;
  for (std::size_t i = 0; i < std::min(undo.items.size(), undo.paths.size()); ++i)
    if (const model::ReceiptItem& item = undo.items[i]; is_left(item))
      left.push_back({undo.paths[i].substr(0, limits::kPathBytes), item.reason, why(item)});
  return left;
}

std::string undo_text(const model::ActDone& undo) {
  if (undo.items.empty()) return undo.detail;
  std::string text = fmt::format("{} put back", undo.acted);
  const auto left = not_put_back(undo);
  if (!left.empty()) text += fmt::format(", {} not", left.size());
  for (std::size_t i = 0; i < std::min(left.size(), kNamed); ++i)
    text +=
        fmt::format("{}{}: {}{}", i == 0 ? ": " : ", ", escaped(left[i].path), name(left[i].reason),
                    left[i].why.empty() ? "" : fmt::format(" ({})", left[i].why));
  if (left.size() > kNamed) text += fmt::format(", and {} more", left.size() - kNamed);
  return text + (undo.detail.empty() ? "" : "; ") + undo.detail;
}

}  // namespace fleetsweep::agent
