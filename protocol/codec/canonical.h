#pragma once

// The canonical copy of a message that our own builder made: objects in the order of their
// pointers, sections without trailing zeros. https://capnproto.org/encoding.html#canonicalization
//
// The library's canonicalize() does the same with all the care that foreign messages need, which
// is most of the time of an encode; the tests hold the result against the library's isCanonical().

#include <capnp/message.h>

#include <cstdint>
#include <span>

namespace fleetsweep::codec {

// An upper bound of the canonical size.
std::size_t size_in_words(capnp::MessageBuilder& message);

// Writes at most size_in_words() to `words` and returns how many.
std::size_t canonical_copy(capnp::MessageBuilder& message, std::span<std::uint64_t> words);

}  // namespace fleetsweep::codec
