#pragma once

// Any model value, filled from a seed. Lists stay short so that a document keeps to its size.

#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "tests/protocol/codec/fields.h"

namespace fleetsweep::test {

template <class E>
inline constexpr std::size_t kValues = kCount<E>;
template <>
inline constexpr std::size_t kValues<model::Condition::Kind> = 4;
template <>
inline constexpr std::size_t kValues<model::Selector::Kind> = 5;

class Filler {
 public:
  explicit Filler(std::uint64_t seed, bool everything = false)
      : prng_(seed), everything_(everything) {}

  template <class T>
  T make() {
    T value{};
    fill(value);
    return value;
  }

  // Any alternative of Message or LocalMessage.
  template <class Variant>
  Variant make_alternative(std::size_t index) {
    Variant value;
    fill_alternative(value, index);
    return value;
  }

 private:
  // Defaults matter too: they are what canonical form leaves out.
  bool leave() { return !everything_ && prng_.chance(0.25); }
  std::size_t count(std::size_t most) {
    return everything_ ? 1 + prng_.below(most) : prng_.below(most + 1);
  }

  void fill(bool& value) { value = everything_ || prng_.chance(0.5); }
  template <class T>
  requires std::is_integral_v<T>
  void fill(T& value) {
    if (!leave()) value = static_cast<T>(prng_.next() >> prng_.below(64));
  }
  template <class E>
  requires std::is_enum_v<E>
  void fill(E& value) {
    if (!leave()) value = static_cast<E>(prng_.below(kValues<E>));
  }
  void fill(std::string& text) {
    static constexpr const char* kPieces[] = {
        "a", "-7", "look", "/tmp/x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\xa7\xb9", " "};
    text.clear();
    for (std::size_t n = count(7); n > 0; --n) text += kPieces[prng_.below(std::size(kPieces))];
  }
  void fill(Bytes& bytes) {
    bytes.resize(count(40));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng_.next());
  }
  template <std::size_t N, class Tag>
  void fill(Fixed<N, Tag>& fixed) {
    if (!leave())
      for (auto& byte : fixed.value) byte = static_cast<std::uint8_t>(prng_.next());
  }
  void fill(Timestamp& time) {
    if (!leave()) time = timestamp(static_cast<std::int64_t>(prng_.below(limits::kTimeMax)));
  }
  void fill(Seconds& length) {
    if (!leave()) length = Seconds(prng_.below(limits::kSecondsMax));
  }
  void fill(Duration& length) {
    if (!leave()) length = Duration(prng_.below(limits::kSecondsMax * 1000));
  }
  template <class T>
  void fill(std::optional<T>& value) {
    if (!leave()) fill(value.emplace());
  }
  template <class T, std::size_t N>
  void fill(std::array<T, N>& values) {
    for (auto& value : values) fill(value);
  }
  template <class T>
  void fill(std::vector<T>& values) {
    constexpr bool kTree = std::is_same_v<T, model::Condition>;
    if (kTree && depth_ >= 3) return;
    depth_ += kTree;
    values.resize(count(kTree ? 2 : 3));
    for (auto& value : values) fill(value);
    depth_ -= kTree;
  }
  template <class... T>
  void fill(std::variant<T...>& value) {
    fill_alternative(value, prng_.below(sizeof...(T)));
  }
  template <class... T>
  void fill_alternative(std::variant<T...>& value, std::size_t index) {
    std::size_t i = 0;
    ((i++ == index ? fill(value.template emplace<T>()) : void()), ...);
  }
  // Findings travel sealed; the decoder makes the list of them from the sealed ones.
  void fill(model::ScanDone& done) {
    for_each_field(done, [this](auto& field) { fill(field); });
    done.sealed.clear();
    for (const auto& finding : done.result.findings)
      done.sealed.push_back({codec::encode(finding), make<Digest>()});
  }
  template <class T>
  requires std::is_class_v<T> && std::is_aggregate_v<T>
  void fill(T& value) {
    for_each_field(value, [this](auto& field) { this->fill(field); });
    if constexpr (requires { value.schema; }) value.schema = 1;
  }

  Prng prng_;
  bool everything_;
  int depth_ = 0;
};

// Every type that encode() takes.
#define FS_CODEC_TYPES                                                                        \
  model::Root, model::Order, model::Release, model::Stop, model::Resume, model::Endpoints,    \
      model::EnrolBatch, model::AgentKey, model::TimeStatement, model::Close, model::Receipt, \
      model::Policy, model::Envelope, model::Finding, model::Message, model::LocalMessage

}  // namespace fleetsweep::test
