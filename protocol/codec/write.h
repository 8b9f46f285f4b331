#pragma once

// Model values into Cap'n Proto builders. What is empty or all zeros stays a null pointer, so that
// every value has one encoding.

#include <capnp/blob.h>
#include <capnp/list.h>

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"

namespace fleetsweep::codec {

// Every write() takes one, so that put() finds the overload for a struct by argument lookup.
struct Out {};

inline capnp::Text::Reader as_capnp(const std::string& text) {
  return {text.c_str(), text.size()};
}
inline capnp::Data::Reader as_data(BytesView bytes) {
  return {bytes.data(), bytes.size()};
}

// put(builder, &Builder::setTitle, text): Text, Data, or a fixed-size value as Data.
template <class B>
void put(B& builder, void (B::*set)(capnp::Text::Reader), const std::string& text) {
  if (!text.empty()) (builder.*set)(as_capnp(text));
}
template <class B>
void put(B& builder, void (B::*set)(capnp::Data::Reader), BytesView bytes) {
  if (!bytes.empty()) (builder.*set)(as_data(bytes));
}
template <class B>
void put(B& builder, void (B::*set)(capnp::Data::Reader), const std::string& text) {
  put(builder, set, as_bytes(text));
}
template <class B, std::size_t N, class Tag>
void put(B& builder, void (B::*set)(capnp::Data::Reader), const Fixed<N, Tag>& fixed) {
  if (!fixed.is_zero()) (builder.*set)(as_data(fixed.value));
}

// One element of a list that is not a struct.
template <class L>
void put_element(L& list, unsigned i, BytesView bytes) {
  if (!bytes.empty()) list.set(i, as_data(bytes));
}
inline void put_element(capnp::List<capnp::Data>::Builder& list, unsigned i,
                        const std::string& text) {
  if (!text.empty()) list.set(i, as_data(as_bytes(text)));
}
inline void put_element(capnp::List<capnp::Text>::Builder& list, unsigned i,
                        const std::string& text) {
  if (!text.empty()) list.set(i, as_capnp(text));
}
template <class L, std::size_t N, class Tag>
void put_element(L& list, unsigned i, const Fixed<N, Tag>& fixed) {
  if (!fixed.is_zero()) list.set(i, as_data(fixed.value));
}
template <class L>
void put_element(L& list, unsigned i, std::uint16_t number) {
  list.set(i, number);
}
template <class L>
void put_element(L& list, unsigned i, Seconds length) {
  list.set(i, length.count());
}

// put(builder, &Builder::initWaves, waves)
template <class B, class L, class M>
void put(B& builder, L (B::*init)(unsigned), const std::vector<M>& values) {
  if (values.empty()) return;
  auto list = (builder.*init)(static_cast<unsigned>(values.size()));
  for (unsigned i = 0; i < values.size(); ++i) {
    if constexpr (requires { write(Out{}, values[i], list[i]); })
      write(Out{}, values[i], list[i]);
    else
      put_element(list, i, values[i]);
  }
}

// put(builder, &Builder::setMode, mode): the enumerations of both sides have the same values, which
// the tests check by name.
template <class B, class S, class E>
requires std::is_enum_v<S> && std::is_enum_v<E>
void put(B& builder, void (B::*set)(S), E value) {
  (builder.*set)(static_cast<S>(value));
}

}  // namespace fleetsweep::codec
