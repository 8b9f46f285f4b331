#pragma once

// Each reason of a document, given by an agent to which such a document comes.

#include <map>

#include "protocol/model/reason.h"

namespace fleetsweep {

using Producers = std::map<model::Reason, model::Reason (*)()>;
const Producers& document_reasons();

}  // namespace fleetsweep
