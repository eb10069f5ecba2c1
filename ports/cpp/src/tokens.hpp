// Arrays of keys or values, [batch, heads, tokens, head dimension]: parts, room and masks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <vector>

#include "token_cache.hpp"

namespace slot_cache {

inline constexpr std::uint64_t token_step = 256;  // buffers grow by so many tokens

// Numbers that metadata may have set to anything stay within their type.
constexpr std::uint64_t sum_or_most(std::uint64_t a, std::uint64_t b) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  return b > most - a ? most : a + b;
}
constexpr std::uint64_t difference_or_none(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}
// ArithmeticOverflow with the names of both.
std::uint64_t checked_sum(const char* context, const char* first, std::uint64_t a,
                          const char* second, std::uint64_t b);

// Tokens of an array. RankMismatch for other than four axes.
std::uint64_t token_count(const char* context, const Array& array);
// Tokens of both, which agree in batch, heads and tokens. RankMismatch, InvariantViolation.
std::uint64_t paired_token_count(const Array& keys, const Array& values);
// Two arrays of four axes, or none. OutOfRange, RankMismatch.
std::optional<Pair> pair_or_nothing(const std::vector<Array>& state);

// The tokens from `start` to before `stop`, as many of them as there are.
Array between(const Array& array, std::uint64_t start, std::uint64_t stop);
Array first(const Array& array, std::uint64_t count);
Array after(const Array& array, std::uint64_t start);
Array joined(const std::vector<Array>& parts);
// As `joined`, but parts without tokens have no say in dtype and shape.
Array joined_filled(const std::vector<Array>& parts);
// Zeros for so many tokens of these shapes and dtypes; batch and heads are those of the keys.
Pair zeros_like(const Array& keys, const Array& values, std::uint64_t count);

// bool [count, offset + count]: a token sees itself and what came before it, of that only the last
// `window` tokens, itself included.
Array causal(std::uint64_t count, std::uint64_t offset, std::optional<std::uint64_t> window);
// OutOfRange for more than 2^24 positions, ArithmeticOverflow for more than can be counted.
std::uint64_t counted_positions(std::uint64_t count, std::uint64_t offset);

// What `rule` makes, with MLX's own errors as `Error`.
template <typename Error, typename Rule>
auto typed(Rule&& rule) {
  try {
    return rule();
  } catch (const CacheError&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(error.what());
  }
}

}  // namespace slot_cache
