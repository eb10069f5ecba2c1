#include "tokens.hpp"

#include <utility>

#include "mlx/ops.h"

namespace mx = mlx::core;

namespace slot_cache {
namespace {

constexpr int token_axis = 2;
constexpr std::size_t token_rank = 4;
constexpr std::uint64_t max_positions = std::uint64_t{1} << 24;

int narrow(std::uint64_t number, int most) {
  return static_cast<int>(std::min(number, static_cast<std::uint64_t>(most)));
}

}  // namespace

std::uint64_t checked_sum(const char* context, const char* first, std::uint64_t a,
                          const char* second, std::uint64_t b) {
  if (b > std::numeric_limits<std::uint64_t>::max() - a)
    throw ArithmeticOverflow(context, "usize", {{first, a}, {second, b}});
  return a + b;
}

std::uint64_t token_count(const char* context, const Array& array) {
  if (array.ndim() != token_rank)
    throw RankMismatch(context, {array.shape().begin(), array.shape().end()});
  return static_cast<std::uint64_t>(array.shape(token_axis));
}

std::uint64_t paired_token_count(const Array& keys, const Array& values) {
  const auto count = token_count("keys", keys);
  token_count("values", values);
  if (!std::equal(keys.shape().begin(), keys.shape().begin() + 3, values.shape().begin()))
    throw InvariantViolation("keys and values", "must have equal batch, heads and tokens");
  return count;
}

std::optional<Pair> pair_or_nothing(const std::vector<Array>& state) {
  if (state.empty()) return std::nullopt;
  if (state.size() != 2)
    throw OutOfRange("state", "must be 0 or 2 arrays", std::to_string(state.size()));
  token_count("keys", state[0]);
  token_count("values", state[1]);
  return Pair{state[0], state[1]};
}

Array between(const Array& array, std::uint64_t start, std::uint64_t stop) {
  auto from = mx::Shape(array.ndim(), 0);
  auto to = array.shape();
  to[token_axis] = narrow(stop, array.shape(token_axis));
  from[token_axis] = narrow(start, to[token_axis]);
  return mx::slice(array, std::move(from), std::move(to));
}

Array first(const Array& array, std::uint64_t count) { return between(array, 0, count); }

Array after(const Array& array, std::uint64_t start) {
  return between(array, start, std::numeric_limits<std::uint64_t>::max());
}

Array joined(const std::vector<Array>& parts) { return mx::concatenate(parts, token_axis); }

Array joined_filled(const std::vector<Array>& parts) {
  std::vector<Array> filled;
  for (const auto& part : parts)
    if (part.shape(token_axis) != 0) filled.push_back(part);
  return filled.empty() ? parts.front() : joined(filled);
}

Pair zeros_like(const Array& keys, const Array& values, std::uint64_t count) {
  auto shape = keys.shape();
  shape[token_axis] = narrow(count, std::numeric_limits<int>::max());
  auto of_keys = mx::zeros(shape, keys.dtype());
  shape.back() = values.shape(-1);
  return {std::move(of_keys), mx::zeros(shape, values.dtype())};
}

Array causal(std::uint64_t count, std::uint64_t offset, std::optional<std::uint64_t> window) {
  const auto total = static_cast<int>(counted_positions(count, offset));
  const auto columns = mx::expand_dims(mx::arange(0, total, mx::int32), 0);
  const auto rows =
      mx::expand_dims(mx::arange(static_cast<int>(offset), total, mx::int32), 1);
  auto mask = mx::greater_equal(rows, columns);
  if (window)
    mask = mx::logical_and(
        mask, mx::less(rows, mx::add(columns, mx::array(narrow(*window, total)))));
  return mask;
}

std::uint64_t counted_positions(std::uint64_t count, std::uint64_t offset) {
  const auto total = checked_sum("mask length", "offset", offset, "N", count);
  if (total > max_positions)
    throw OutOfRange("mask length", "must be at most 2^24", std::to_string(total));
  return total;
}

}  // namespace slot_cache
