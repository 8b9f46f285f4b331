#pragma once

// What the control log's part of the evidence proves: who is trusted, what was ordered, how it was
// steered, and that it was closed. Pure.

#include "cli/close_out.h"
#include "cli/log_history.h"
#include "protocol/model/order.h"

namespace fleetsweep::cli {

struct ProvenLog {
  LogHistory history;  // of the entries that are there
  model::Close close;
  CloseOut told;  // all but hosts and results
};

Held<ProvenLog> prove_log(const Evidence& evidence, const std::string& campaign,
                          const model::Envelope& trusted);

// "order", of application/vnd.fleetsweep.order.v1+capnp.
std::string kind_of(const std::string& payload_type);

}  // namespace fleetsweep::cli
