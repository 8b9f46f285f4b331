#pragma once

// Bytes <-> model values; the only place that knows Cap'n Proto.
//
// Encoding is canonical Cap'n Proto, one segment, no segment table. Decoding copies into aligned
// words (a ZeroMQ frame is not aligned), applies size and traversal limits, refuses trailing bytes,
// non-canonical bytes, unknown enum values, text that is not UTF-8 (paths are Data), and lists over
// their limit, and decodes everything into values before it returns. Errors are kInvalid and say
// what, where and what was expected.

#include <string>

#include "protocol/model/envelope.h"
#include "protocol/model/local.h"
#include "protocol/model/order.h"
#include "protocol/model/policy.h"
#include "protocol/model/receipt.h"
#include "protocol/model/root.h"
#include "protocol/model/wire.h"

namespace fleetsweep::codec {

Bytes encode(const model::Root&);
Bytes encode(const model::Order&);
Bytes encode(const model::Release&);
Bytes encode(const model::Stop&);
Bytes encode(const model::Resume&);
Bytes encode(const model::Endpoints&);
Bytes encode(const model::EnrolBatch&);
Bytes encode(const model::AgentKey&);
Bytes encode(const model::TimeStatement&);
Bytes encode(const model::Close&);
Bytes encode(const model::Receipt&);
Bytes encode(const model::Policy&);
Bytes encode(const model::Envelope&);
Bytes encode(const model::Finding&);
Bytes encode(const model::Message&);
Bytes encode(const model::LocalMessage&);

// T is any type that encode() takes; other instantiations do not link.
template <class T>
Result<T> decode(BytesView bytes);

// The schema number of a document or policy, also of one that decode() refuses: then it tells a
// document from the future from a broken one. decode() itself accepts another number in a document
// that is readable in every field, since refusing it needs a reason code; in a Policy it does not.
Result<std::uint16_t> schema_of(BytesView payload);

// The payload type under which T is signed, for the document types (not Policy, Finding, Message,
// LocalMessage).
template <class T>
std::string_view payload_type();

// DSSE JSON, the form in files and HTTP bodies:
// {"payloadType","payload","signatures":[{"keyid","sig"}]}, base64.
std::string to_dsse_json(const model::Envelope&);
Result<model::Envelope> from_dsse_json(std::string_view json);

}  // namespace fleetsweep::codec
