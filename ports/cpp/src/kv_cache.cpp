#include <utility>

#include "mlx/ops.h"
#include "mlx/transforms.h"
#include "tokens.hpp"

namespace mx = mlx::core;

namespace slot_cache {

std::vector<Array> TokenCache::state() const {
  if (!buffers_) return {};
  // Restored values may be more than the keys; only free room is cut away.
  if (offset_ >= token_count("keys", buffers_->keys)) return {buffers_->keys, buffers_->values};
  return {first(buffers_->keys, offset_), first(buffers_->values, offset_)};
}

std::uint64_t TokenCache::nbytes() const {
  return buffers_ ? buffers_->keys.nbytes() + buffers_->values.nbytes() : 0;
}

void TokenCache::materialize() {
  if (buffers_) mx::eval(buffers_->keys, buffers_->values);
}

std::unique_ptr<TokenCache> token_cache_from_state(std::string_view class_name,
                                                   const std::vector<Array>& state,
                                                   std::span<const std::string> meta) {
  std::unique_ptr<TokenCache> cache;
  if (class_name == "KVCache") cache = std::make_unique<KvCache>();
  else if (class_name == "RotatingKVCache") cache = std::make_unique<RotatingCache>(0, 0);
  else throw UnknownEnumValue("cache class", std::string(class_name));
  cache->set_state(state);
  cache->set_meta_state(meta);
  const auto* window = dynamic_cast<const RotatingCache*>(cache.get());
  if (cache->empty() && window != nullptr && (window->offset() != 0 || window->index() != 0))
    throw InvariantViolation("state", "without arrays, offset and index are 0");
  return cache;
}

Pair KvCache::update_and_fetch(const Array& keys, const Array& values) {
  const auto stop = offset_ + paired_token_count(keys, values);
  return typed<MlxC>([&] {
    auto next = with_room(keys, values);
    for (auto [buffer, tokens] : {std::pair(&next.keys, &keys), std::pair(&next.values, &values)}) {
      auto to = buffer->shape();
      to[2] = static_cast<int>(stop);
      *buffer = mx::slice_update(*buffer, *tokens, {0, 0, static_cast<int>(offset_), 0}, to);
    }
    buffers_ = std::move(next);
    offset_ = stop;
    return Pair{first(buffers_->keys, stop), first(buffers_->values, stop)};
  });
}

// As many whole steps more as the new tokens need. Buffers keep their dtype when they grow.
Pair KvCache::with_room(const Array& keys, const Array& values) const {
  const auto count = token_count("keys", keys);
  const auto more = (count + token_step - 1) / token_step * token_step;
  if (!buffers_) return zeros_like(keys, values, more);
  if (offset_ + count <= token_count("keys", buffers_->keys)) return *buffers_;
  auto kept = *buffers_;
  const auto room = zeros_like(kept.keys, kept.values, more);
  if (offset_ % token_step != 0) kept = {first(kept.keys, offset_), first(kept.values, offset_)};
  return {joined({kept.keys, room.keys}), joined({kept.values, room.values})};
}

Mask KvCache::make_mask(std::uint64_t n, std::optional<std::uint64_t> window,
                        bool return_array) const {
  if (window) return causal(n, offset_, window);
  if (n == 1) return {};
  if (return_array) return causal(n, offset_, std::nullopt);
  return Causal{};
}

std::uint64_t KvCache::trim(std::uint64_t n) {
  const auto removed = std::min(offset_, n);
  offset_ -= removed;
  return removed;
}

void KvCache::set_state(const std::vector<Array>& state) {
  auto pair = pair_or_nothing(state);
  offset_ = pair ? paired_token_count(pair->keys, pair->values) : 0;
  buffers_ = std::move(pair);
}

void KvCache::set_meta_state(std::span<const std::string> meta) {
  if (!meta.empty()) throw LengthMismatch("meta_state", 0, meta.size());
}

}  // namespace slot_cache
