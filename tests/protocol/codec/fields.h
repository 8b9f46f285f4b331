#pragma once

// The members of a plain struct, without listing them: a member that somebody adds to a model is
// filled and compared by the tests from that moment, so it cannot be forgotten in the codec.

#include <cstddef>
#include <tuple>
#include <utility>

#include "protocol/model/finding.h"
#include "protocol/model/order.h"

namespace fleetsweep::test {

struct Anything {
  template <class T>
  operator T() const;
};

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires {
    T{(static_cast<void>(I), Anything{})...};
  };
}
template <class T, std::size_t N = 40>
constexpr std::size_t count_fields() {
  if constexpr (takes<T>(std::make_index_sequence<N>{}))
    return N;
  else
    return count_fields<T, N - 1>();
}
template <class T>
inline constexpr std::size_t kFields = count_fields<T>();
// Anything converts to std::optional and std::variant in more than one way.
template <>
inline constexpr std::size_t kFields<model::Stop> = 11;
template <>
inline constexpr std::size_t kFields<model::Finding> = 8;

template <class T, class F>
void for_each_field(T& t, F&& f) {
  constexpr std::size_t n = kFields<T>;
  const auto each = [&](auto&... field) { (f(field), ...); };
#define FS_FIELDS(count, ...) \
  if constexpr (n == count) { \
    auto& [__VA_ARGS__] = t;  \
    each(__VA_ARGS__);        \
  }
  FS_FIELDS(1, a)
  FS_FIELDS(2, a, b)
  FS_FIELDS(3, a, b, c)
  FS_FIELDS(4, a, b, c, d)
  FS_FIELDS(5, a, b, c, d, e)
  FS_FIELDS(6, a, b, c, d, e, g)
  FS_FIELDS(7, a, b, c, d, e, g, h)
  FS_FIELDS(8, a, b, c, d, e, g, h, i)
  FS_FIELDS(9, a, b, c, d, e, g, h, i, j)
  FS_FIELDS(10, a, b, c, d, e, g, h, i, j, k)
  FS_FIELDS(11, a, b, c, d, e, g, h, i, j, k, l)
  FS_FIELDS(12, a, b, c, d, e, g, h, i, j, k, l, m)
  FS_FIELDS(13, a, b, c, d, e, g, h, i, j, k, l, m, o)
  FS_FIELDS(15, a, b, c, d, e, g, h, i, j, k, l, m, o, p, q)
  FS_FIELDS(16, a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r)
  FS_FIELDS(22, a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, y)
  FS_FIELDS(31, a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, u, v, w, x, y, z, a1, b1, c1, d1,
            e1, f1, g1, h1)
#undef FS_FIELDS
  static_assert(n <= 13 || n == 16 || n == 22 || n == 31, "add a line for this number of fields");
}

}  // namespace fleetsweep::test
