#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "key_value_numbers.hpp"
#include "mlx/ops.h"
#include "parse.hpp"
#include "tokens.hpp"

namespace mx = mlx::core;

namespace slot_cache {

Pair RotatingCache::update_and_fetch(const Array& keys, const Array& values) {
  const auto count = token_count("keys", keys);
  token_count("values", values);
  checked_sum("offset", "offset", offset_, "S", count);
  return typed<MlxOp>([&] {
    auto next = *this;  // handles; what fails leaves this cache as it was
    if (count == 1) next.add_one(keys, values);
    else next.add_many(keys, values);
    *this = std::move(next);
    if (count == 1 && offset_ < max_size_)
      return Pair{first(buffers_->keys, offset_), first(buffers_->values, offset_)};
    return *buffers_;
  });
}

// With max_size - 1 tokens before the first new one, each of them has its whole window.
void RotatingCache::add_many(const Array& keys, const Array& values) {
  if (!buffers_) {
    buffers_ = Pair{keys, values};
  } else {
    buffers_ = Pair{in_order_of_time(buffers_->keys), in_order_of_time(buffers_->values)};
    const auto surplus =
        difference_or_none(token_count("keys", buffers_->keys) + 1, max_size_);
    buffers_ = Pair{joined({without_oldest(buffers_->keys, surplus), keys}),
                    joined({without_oldest(buffers_->values, surplus), values})};
  }
  offset_ += token_count("keys", keys);
  index_ = token_count("keys", buffers_->keys);
}

Array RotatingCache::in_order_of_time(const Array& array) const {
  if (index_ == token_count("keys", array)) return array;
  if (index_ >= offset_) return first(array, index_);
  return joined({first(array, keep_), after(array, index_), between(array, keep_, index_)});
}

Array RotatingCache::without_oldest(const Array& array, std::uint64_t surplus) const {
  if (surplus == 0) return array;
  return joined({first(array, keep_), after(array, sum_or_most(surplus, keep_))});
}

// In the place of the oldest token that is not among the first `keep`.
void RotatingCache::add_one(const Array& keys, const Array& values) {
  make_room(keys, values);
  const auto surplus = difference_or_none(token_count("keys", buffers_->keys), max_size_);
  if (surplus > 0) {
    buffers_ = Pair{without_oldest(buffers_->keys, surplus),
                    without_oldest(buffers_->values, surplus)};
    index_ = max_size_;
  }
  if (index_ == max_size_) index_ = keep_;
  buffers_ = Pair{replaced("keys", buffers_->keys, keys),
                  replaced("values", buffers_->values, values)};
  ++offset_;
  ++index_;
}

// Up to one step more, and not beyond the window, if the buffers are full.
void RotatingCache::make_room(const Array& keys, const Array& values) {
  const auto held = buffers_ ? token_count("keys", buffers_->keys) : 0;
  if (buffers_ && (offset_ < held || held >= max_size_)) return;
  const auto missing = difference_or_none(max_size_, offset_);
  auto more = zeros_like(keys, values, std::min(token_step, missing));
  if (buffers_)
    more = {joined({buffers_->keys, more.keys}), joined({buffers_->values, more.values})};
  buffers_ = std::move(more);
  index_ = offset_;
}

// A new buffer with the token at the index; its dtype may be another one.
Array RotatingCache::replaced(const char* name, const Array& buffer, const Array& token) const {
  const auto context = std::string("end of the ") + name;
  const auto stop = checked_sum(context.c_str(), "start", index_, "S", 1);
  const auto held = token_count(name, buffer);
  if (stop > held)
    throw OutOfRange(name, "must end within the buffer",
                     std::to_string(stop) + " of " + std::to_string(held));
  auto wanted = buffer.shape();
  wanted[2] = 1;
  for (std::size_t axis = 0; axis < wanted.size(); ++axis)
    if (const auto got = token.shape()[axis]; got != 1 && got != wanted[axis])
      throw ShapePairMismatch(name, {wanted.begin(), wanted.end()},
                              {token.shape().begin(), token.shape().end()});
  return joined_filled(
      {first(buffer, index_), mx::broadcast_to(token, wanted), after(buffer, stop)});
}

Mask RotatingCache::make_mask(std::uint64_t n, std::optional<std::uint64_t> window,
                              bool return_array) const {
  if (n <= 1) return mask_for_one(window);
  const auto wide = window.value_or(0) != 0 ? *window : max_size_;
  const auto offset = std::min(difference_or_none(max_size_, 1), offset_);
  if (checked_sum("mask length", "offset", offset, "N", n) > wide || return_array)
    return causal(n, offset, wide);
  return Causal{};
}

// bool [tokens], turned as the buffer will be if nothing is kept; nothing where the window hides
// nothing.
Mask RotatingCache::mask_for_one(std::optional<std::uint64_t> window) const {
  if (!window || offset_ < *window || max_size_ <= *window) return {};
  const auto seen = offset_ < max_size_ ? offset_ + 1 : max_size_;
  const auto count = static_cast<int>(counted_positions(0, seen));
  const auto hidden = static_cast<int>(seen - *window);
  const auto shift = index_ >= max_size_ ? 1 : index_ + 1;
  const auto visible =
      mx::greater_equal(mx::arange(0, count, mx::int32), mx::array(hidden));
  return mx::roll(visible, static_cast<int>(shift % seen), 0);
}

std::uint64_t RotatingCache::trim(std::uint64_t n) {
  const auto removed = std::min(offset_, n);
  offset_ -= removed;
  index_ = difference_or_none(index_, removed);
  return removed;
}

void RotatingCache::set_state(const std::vector<Array>& state) {
  buffers_ = pair_or_nothing(state);
}

std::vector<std::string> RotatingCache::meta_state() const {
  std::vector<std::string> texts;
  for (const auto number : {keep_, max_size_, offset_, index_})
    texts.push_back(std::to_string(number));
  return texts;
}

void RotatingCache::set_meta_state(std::span<const std::string> meta) {
  if (meta.size() != rotating_numbers.size())
    throw LengthMismatch("meta_state", rotating_numbers.size(), meta.size());
  std::array<std::uint64_t, rotating_numbers.size()> found{};
  for (std::size_t i = 0; i < found.size(); ++i)
    found[i] = parse_integer<std::uint64_t>(meta[i], std::string(rotating_numbers[i]), "usize");
  std::tie(keep_, max_size_, offset_, index_) =
      std::tuple(found[0], found[1], found[2], found[3]);
}

}  // namespace slot_cache
