#pragma once

// How a step of act says that it did not happen: trust's Refusal, a Reason and a sentence.

#include <cerrno>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::act {

using model::Reason;
using trust::Checked;
using trust::Refusal;
using trust::refuse;

// What an errno of the operating system means for the object it happened on.
Reason reason_of(int error);
tl::unexpected<Refusal> refuse_errno(std::string_view what, std::string_view path, int error);

// An Error of a library below, about our own state.
tl::unexpected<Refusal> refuse_error(const Error& error);

}  // namespace fleetsweep::act
