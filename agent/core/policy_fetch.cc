#include "agent/core/policy_fetch.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::agent {

namespace {
constexpr Duration kChunkTimeout = std::chrono::seconds(20);
constexpr Duration kMissingRetry = std::chrono::seconds(30);
}  // namespace

std::optional<std::uint64_t> PolicyFetch::want(const Digest& digest, std::uint64_t size,
                                               Uptime now) {
  if (const auto missing = missing_.find(digest); missing != missing_.end()) {
    if (now < missing->second.retry) return std::nullopt;
  }
  if (size == 0 || size > limits::kPolicyBytes) return std::nullopt;
  const bool is_silent = current_ && now - current_->asked >= kChunkTimeout;
  if (current_ && !is_silent) return std::nullopt;
  if (!current_ || current_->digest != digest) current_ = Current{digest, size, {}, now};
  if (const auto missing = missing_.find(digest); missing != missing_.end())
    missing->second.retry = now + kMissingRetry;  // still missing until it comes
  current_->asked = now;
  return current_->bytes.size();
}

PolicyFetch::Taken PolicyFetch::on_blob(const model::Blob& blob, Uptime now) {
  if (!current_ || blob.digest != current_->digest) return {};
  const auto give_up = [&](std::string problem,
                           model::Reason reason = model::Reason::kPolicyMismatch) {
    missing_[blob.digest] = {now + kMissingRetry, reason};
    current_.reset();
    return Taken{{}, {}, std::move(problem)};
  };
  if (blob.total == 0) return give_up("the edge does not have it", model::Reason::kPolicyMissing);
  if (blob.total != current_->size)
    return give_up(fmt::format("{} bytes where the order names {}", blob.total, current_->size));
  if (blob.offset != current_->bytes.size()) return {};  // an answer to an older question
  if (blob.bytes.empty() || blob.bytes.size() > current_->size - current_->bytes.size())
    return give_up("a chunk of the wrong size");
  append(current_->bytes, BytesView(blob.bytes));
  current_->asked = now;
  if (current_->bytes.size() < current_->size) return {current_->bytes.size(), {}, {}};
  if (crypto::sha256(current_->bytes) != blob.digest) return give_up("its digest is another");
  Taken taken;
  taken.complete = std::move(current_->bytes);
  current_.reset();
  missing_.erase(blob.digest);
  return taken;
}

std::optional<Uptime> PolicyFetch::next_deadline() const {
  std::optional<Uptime> next;
  if (current_) next = current_->asked + kChunkTimeout;
  for (const auto& [digest, missing] : missing_)
    if (!current_ && (!next || missing.retry < *next)) next = missing.retry;
  return next;
}

std::optional<model::Reason> PolicyFetch::problem(const Digest& digest) const {
  const auto missing = missing_.find(digest);
  if (missing == missing_.end()) return std::nullopt;
  return missing->second.reason;
}

}  // namespace fleetsweep::agent
