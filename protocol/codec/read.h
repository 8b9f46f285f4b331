#pragma once

// Cap'n Proto readers into model values. Nothing here returns an error: the first thing that is
// wrong is kept in In with its place, later fields are read for nothing, and frame.h asks at the
// end. Straight code for the good case, and the place is put together only in the bad one.

#include <capnp/blob.h>
#include <capnp/list.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/limits.h"
#include "protocol/base/names.h"
#include "protocol/base/time.h"

namespace fleetsweep::codec {

class In {
 public:
  bool failed() const { return failed_; }
  // "scope.groups[3]" and "70 bytes where at most 64 were expected"
  const std::string& place() const { return place_; }
  const std::string& message() const { return message_; }

  void refuse(std::string_view field, std::string message);
  // The failure, if it is new since `before`, happened inside this field.
  void within(bool before, std::string_view field);
  void within(bool before, std::string_view field, std::size_t index);

 private:
  bool failed_ = false;
  std::string place_;
  std::string message_;
};

void check_size(In& in, std::string_view field, std::size_t size, std::size_t size_max,
                std::string_view unit);
void refuse_size(In& in, std::string_view field, std::size_t size, std::size_t expected);
void refuse_text(In& in, std::string_view field);
void refuse_enum(In& in, std::string_view field, unsigned value, std::size_t count);
void check_time(In& in, std::string_view field, std::int64_t value, std::int64_t value_max);

// How many values an enumeration has; those without spelled names are told here.
template <class E>
inline constexpr std::size_t kEnumCount = kCount<E>;

// get(in, "title", reader.getTitle(), title): one field.
inline void get(In& in, std::string_view field, capnp::Text::Reader reader, std::string& text,
                std::size_t size_max = limits::kTextBytes) {
  const std::string_view view(reader.begin(), reader.size());
  if (view.size() > size_max) return check_size(in, field, view.size(), size_max, "bytes");
  if (!is_utf8(view)) return refuse_text(in, field);
  text.assign(view);
}
inline void get(In& in, std::string_view field, capnp::Data::Reader reader, std::string& text,
                std::size_t size_max = limits::kPathBytes) {
  if (reader.size() > size_max) return check_size(in, field, reader.size(), size_max, "bytes");
  text.assign(reinterpret_cast<const char*>(reader.begin()), reader.size());
}
inline void get(In& in, std::string_view field, capnp::Data::Reader reader, Bytes& bytes,
                std::size_t size_max) {
  if (reader.size() > size_max) return check_size(in, field, reader.size(), size_max, "bytes");
  bytes.assign(reader.begin(), reader.end());
}
template <std::size_t N, class Tag>
void get(In& in, std::string_view field, capnp::Data::Reader reader, Fixed<N, Tag>& fixed) {
  if (reader.size() == N)
    std::copy(reader.begin(), reader.end(), fixed.value.begin());
  else if (reader.size() != 0)
    refuse_size(in, field, reader.size(), N);
}
template <class S, class E>
requires std::is_enum_v<S> && std::is_enum_v<E>
void get(In& in, std::string_view field, S value, E& result) {
  const auto number = static_cast<std::uint16_t>(value);
  if (number >= kEnumCount<E>) return refuse_enum(in, field, number, kEnumCount<E>);
  result = static_cast<E>(number);
}
inline void get(In& in, std::string_view field, std::int64_t value, Timestamp& time) {
  if (value < 0 || value > limits::kTimeMax) return check_time(in, field, value, limits::kTimeMax);
  time = timestamp(value);
}
inline void get(In& in, std::string_view field, std::int64_t value, Seconds& length) {
  if (value < 0 || value > limits::kSecondsMax)
    return check_time(in, field, value, limits::kSecondsMax);
  length = Seconds(value);
}
inline void get(In& in, std::string_view field, std::int64_t value, Duration& length) {
  if (value < 0 || value > limits::kSecondsMax * 1000)
    return check_time(in, field, value, limits::kSecondsMax * 1000);
  length = Duration(value);
}
inline void get(In&, std::string_view, std::uint16_t value, std::uint16_t& result) {
  result = value;
}

// A struct: read() for it is found by argument lookup through In.
template <class R, class M>
requires requires(In& in, R reader, M& model) {
  read(in, reader, model);
}
void get(In& in, std::string_view field, R reader, M& model) {
  const bool before = in.failed();
  read(in, reader, model);
  if (in.failed()) in.within(before, field);
}

// A list. `element` are the further arguments of get() for one element: its size limit.
template <class L, class M, class... Element>
void list(In& in, std::string_view field, const L& reader, std::vector<M>& values,
          std::size_t count_max, Element... element) {
  if (reader.size() > count_max) return check_size(in, field, reader.size(), count_max, "elements");
  values.resize(reader.size());
  for (unsigned i = 0; i < reader.size() && !in.failed(); ++i) {
    get(in, "", reader[i], values[i], element...);
    if (in.failed()) in.within(false, field, i);
  }
}

}  // namespace fleetsweep::codec
