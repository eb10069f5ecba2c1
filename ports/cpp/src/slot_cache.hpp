// The slot cache of recurrent layers on MLX arrays, by the rules of the dialect mlxrs-0.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "errors.hpp"
#include "mlx/array.h"

namespace slot_cache {

using Array = mlx::core::array;
using Rows = std::optional<std::vector<std::int32_t>>;  // one number for each sequence, or unset

// Slots that serialized metadata may ask for, and those that a caller may.
inline constexpr std::uint64_t max_slot_count = std::uint64_t{1} << 20;
inline constexpr std::uint64_t max_resident_slots = std::uint64_t{1} << 24;

// Slots hold arrays of any dtype and shape, the batch as the leading axis, or nothing yet. Arrays
// are shared handles: storing one copies no data. Every throw is a CacheError, or MLX's own.
class SlotCache {
 public:
  // OutOfMemory above max_resident_slots. No left padding is the same as none given.
  explicit SlotCache(std::uint64_t size, std::span<const std::int32_t> left_padding = {});
  // Two slots, and the class label MambaCache.
  static SlotCache mamba(std::span<const std::int32_t> left_padding = {});
  // What a file's class label, state and metadata say. UnknownEnumValue for any other label.
  static SlotCache from_state(std::string_view class_name, std::vector<Array> state,
                              std::span<const std::string> meta);
  // Replaces everything but the class label; on any error nothing has changed.
  void from_serialized(std::vector<Array> state, std::span<const std::string> meta);

  // Null for an unwritten slot and beyond the end.
  const Array* get(std::uint64_t slot) const;
  // OutOfRange beyond the end.
  void set(std::uint64_t slot, Array value);
  // Overwrites all elements of a written slot; handles that were given out keep theirs.
  void write(std::uint64_t slot, const Array& value);

  const std::vector<std::optional<Array>>& slots() const { return slots_; }
  const Rows& left_padding() const { return left_padding_; }
  const Rows& lengths() const { return lengths_; }
  void set_left_padding(Rows rows) { left_padding_ = std::move(rows); }
  std::string_view class_name() const { return is_mamba_ ? "MambaCache" : "ArraysCache"; }

  // The written slots, in order.
  std::vector<Array> state() const;
  // As many slots as arrays; left padding and lengths stay.
  void set_state(std::vector<Array> state);
  // [slot count, written slots, left padding if set], numbers joined by commas.
  std::vector<std::string> meta_state() const;
  // Moves the arrays to their slots. Parse, InvariantViolation, CapExceeded: nothing has changed.
  void set_meta_state(std::span<const std::string> meta);

  // Rows of the first written slot, else of left padding, else of lengths, else 1. RankMismatch.
  std::uint64_t batch_size() const;
  void prepare(std::vector<std::int32_t> lengths) { lengths_ = std::move(lengths); }
  void finalize();
  // Subtracts n from lengths and left padding, wrapping. ArithmeticOverflow beyond int32.
  void advance(std::uint64_t n);
  // bool [B, n], true where a token takes part: left padding decides, else lengths; else nothing.
  // OutOfRange above 2^24 where a mask is made.
  std::optional<Array> make_mask(std::uint64_t n) const;

  SlotCache copy() const;
  void materialize();
  std::uint64_t nbytes() const;
  bool empty() const { return slots_.empty() || !slots_.front().has_value(); }

  // What every cache of a model has: this one counts no tokens and holds no keys and values.
  std::uint64_t size() const { return 0; }
  std::optional<std::uint64_t> max_size() const { return std::nullopt; }
  bool is_trimmable() const { return false; }
  std::uint64_t trim(std::uint64_t) { return 0; }
  [[noreturn]] void update(const Array& keys, const Array& values);

 private:
  std::vector<std::optional<Array>> slots_;
  Rows left_padding_;
  Rows lengths_;
  bool is_mamba_ = false;
};

}  // namespace slot_cache
