// Caches of keys and values on MLX arrays, by the rules of the dialect mlxrs-0.1. Keys and values
// are [batch, heads, tokens, head dimension]; an array that was handed out never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "errors.hpp"
#include "mlx/array.h"

namespace slot_cache {

using Array = mlx::core::array;

struct Pair {
  Array keys, values;
};

// Nothing restricts a token; each token sees those up to itself; bool [n, tokens] or [tokens].
struct Causal {};
using Mask = std::variant<std::monostate, Causal, Array>;

// What both kinds have. Every throw is a CacheError, and has changed nothing.
class TokenCache {
 public:
  virtual ~TokenCache() = default;

  // Another number of axes than four is a RankMismatch; MLX's own errors are MlxC or MlxOp.
  virtual Pair update_and_fetch(const Array& keys, const Array& values) = 0;
  // For n tokens that are about to come. OutOfRange above 2^24 positions.
  virtual Mask make_mask(std::uint64_t n, std::optional<std::uint64_t> window,
                         bool return_array) const = 0;
  // Takes back the last n tokens, or as many as there are; how many.
  virtual std::uint64_t trim(std::uint64_t n) = 0;
  virtual bool is_trimmable() const = 0;
  virtual std::optional<std::uint64_t> max_size() const = 0;
  virtual std::string_view class_name() const = 0;

  // Keys and values up to the offset, or nothing before the first update.
  std::vector<Array> state() const;
  // Two arrays or none. OutOfRange, RankMismatch, InvariantViolation.
  virtual void set_state(const std::vector<Array>& state) = 0;
  virtual std::vector<std::string> meta_state() const = 0;
  // LengthMismatch, Parse.
  virtual void set_meta_state(std::span<const std::string> meta) = 0;

  virtual std::unique_ptr<TokenCache> copy() const = 0;
  std::uint64_t offset() const { return offset_; }
  bool empty() const { return !buffers_; }
  const std::optional<Pair>& buffers() const { return buffers_; }  // with room that is free
  std::uint64_t nbytes() const;
  void materialize();

 protected:
  // May have free room behind the tokens.
  std::optional<Pair> buffers_;
  std::uint64_t offset_ = 0;  // of the next token
};

// What a file's class label, state and metadata say. UnknownEnumValue for any other label.
std::unique_ptr<TokenCache> token_cache_from_state(std::string_view class_name,
                                                   const std::vector<Array>& state,
                                                   std::span<const std::string> meta);

// All tokens, in buffers that grow in steps.
class KvCache : public TokenCache {
 public:
  Pair update_and_fetch(const Array& keys, const Array& values) override;
  Mask make_mask(std::uint64_t n, std::optional<std::uint64_t> window,
                 bool return_array) const override;
  std::uint64_t trim(std::uint64_t n) override;
  bool is_trimmable() const override { return true; }
  std::optional<std::uint64_t> max_size() const override { return std::nullopt; }
  std::string_view class_name() const override { return "KVCache"; }
  void set_state(const std::vector<Array>& state) override;
  std::vector<std::string> meta_state() const override { return {}; }
  void set_meta_state(std::span<const std::string> meta) override;
  std::unique_ptr<TokenCache> copy() const override { return std::make_unique<KvCache>(*this); }

 private:
  Pair with_room(const Array& keys, const Array& values) const;
};

// The first `keep` tokens and the last ones, `max_size` together. Single tokens overwrite the
// oldest one; more at once are joined to what is kept, in order of time.
class RotatingCache : public TokenCache {
 public:
  RotatingCache(std::uint64_t max_size, std::uint64_t keep) : keep_(keep), max_size_(max_size) {}

  // ShapePairMismatch and OutOfRange, too, for a single token that has no place.
  Pair update_and_fetch(const Array& keys, const Array& values) override;
  Mask make_mask(std::uint64_t n, std::optional<std::uint64_t> window,
                 bool return_array) const override;
  std::uint64_t trim(std::uint64_t n) override;
  bool is_trimmable() const override { return offset_ < max_size_; }
  std::optional<std::uint64_t> max_size() const override { return max_size_; }
  std::string_view class_name() const override { return "RotatingKVCache"; }
  void set_state(const std::vector<Array>& state) override;
  // keep, max_size, offset and index; they are believed.
  std::vector<std::string> meta_state() const override;
  void set_meta_state(std::span<const std::string> meta) override;
  std::unique_ptr<TokenCache> copy() const override {
    return std::make_unique<RotatingCache>(*this);
  }

  std::uint64_t keep() const { return keep_; }
  std::uint64_t index() const { return index_; }  // where the next token goes

 private:
  void add_many(const Array& keys, const Array& values);
  void add_one(const Array& keys, const Array& values);
  void make_room(const Array& keys, const Array& values);
  Array in_order_of_time(const Array& array) const;
  Array without_oldest(const Array& array, std::uint64_t surplus) const;
  Array replaced(const char* name, const Array& buffer, const Array& token) const;
  Mask mask_for_one(std::optional<std::uint64_t> window) const;

  std::uint64_t keep_;
  std::uint64_t max_size_;
  std::uint64_t index_ = 0;
};

}  // namespace slot_cache
