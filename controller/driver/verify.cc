#include "controller/driver/verify.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::controller {
namespace {

// What only the controller can know of a host, no host may claim.
bool may_be_said(model::HostState state) {
  return state != model::HostState::kPending && state != model::HostState::kOffered &&
         state != model::HostState::kUnreachable;
}

VerifiedReceipt verify_one(const VerifyReceipts& work, const Bytes& bytes) {
  VerifiedReceipt result{.host = work.host, .envelope = bytes};
  const auto rejected = [&result](std::string why) {
    result.rejected = std::move(why);
    return std::move(result);
  };
  if (bytes.size() > limits::kLogEntryBytes) return rejected("malformed");
  const auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope || envelope->payload_type != model::kPayloadReceipt ||
      envelope->payload.size() > limits::kReceiptBytes)
    return rejected("malformed");
  // A receipt has one signer; whatever else is attached must not make us work.
  if (envelope->signatures.size() != 1) return rejected("signature");
  const Bytes message = crypto::pae(envelope->payload_type, envelope->payload);
  if (!crypto::verify(work.identity, message, envelope->signatures[0].signature))
    return rejected("signature");
  auto receipt = codec::decode<model::Receipt>(envelope->payload);
  if (!receipt || receipt->seq == 0) return rejected("malformed");
  if (receipt->tenant != work.tenant) return rejected("tenant");
  if (receipt->agent != work.agent) return rejected("agent");
  if (!may_be_said(receipt->state)) return rejected("state");
  result.id.value = crypto::sha256(message).value;
  result.receipt = std::move(*receipt);
  return result;
}

}  // namespace

std::vector<VerifiedReceipt> verify(const VerifyReceipts& work) {
  std::vector<VerifiedReceipt> results;
  results.reserve(work.receipts.size());
  for (const Bytes& bytes : work.receipts) results.push_back(verify_one(work, bytes));
  return results;
}

}  // namespace fleetsweep::controller
