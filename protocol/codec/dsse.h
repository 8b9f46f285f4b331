#pragma once

// DSSE JSON whose payload is no document of ours, and may be longer than one: a report, say.

#include "protocol/model/envelope.h"

namespace fleetsweep::codec {

// As from_dsse_json() in codec.h, which also asks that the envelope has a binary form.
Result<model::Envelope> parse_dsse_json(std::string_view json, std::size_t bytes_max);

}  // namespace fleetsweep::codec
