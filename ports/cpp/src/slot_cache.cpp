#include "slot_cache.hpp"

#include <limits>
#include <utility>

#include "mlx/ops.h"
#include "mlx/transforms.h"
#include "parse.hpp"
#include "planted.hpp"

namespace mx = mlx::core;

namespace slot_cache {
namespace {

constexpr std::uint64_t max_positions = std::uint64_t{1} << 24;

std::vector<std::optional<Array>> unset(std::uint64_t count) {
  if (count > max_resident_slots) throw OutOfMemory();
  return std::vector<std::optional<Array>>(count);
}

template <typename Values>
std::string joined(const Values& values) {
  std::string text;
  for (const auto value : values) {
    if (!text.empty()) text += ',';
    text += std::to_string(value);
  }
  return text;
}

// int32 [B, 1], to be compared with positions.
Array column(const std::vector<std::int32_t>& rows) {
  return Array(rows.begin(), {static_cast<int>(rows.size()), 1}, mx::int32);
}

}  // namespace

SlotCache::SlotCache(std::uint64_t size, std::span<const std::int32_t> left_padding)
    : slots_(unset(size)) {
  if (!left_padding.empty()) left_padding_.emplace(left_padding.begin(), left_padding.end());
}

SlotCache SlotCache::mamba(std::span<const std::int32_t> left_padding) {
  SlotCache cache(2, left_padding);
  cache.is_mamba_ = true;
  return cache;
}

SlotCache SlotCache::from_state(std::string_view class_name, std::vector<Array> state,
                                std::span<const std::string> meta) {
  if (class_name != "ArraysCache" && class_name != "MambaCache")
    throw UnknownEnumValue("cache class", std::string(class_name));
  SlotCache cache(0);
  cache.is_mamba_ = class_name == "MambaCache";
  cache.set_state(std::move(state));
  cache.set_meta_state(meta);
  return cache;
}

void SlotCache::from_serialized(std::vector<Array> state, std::span<const std::string> meta) {
  *this = from_state(class_name(), std::move(state), meta);
}

const Array* SlotCache::get(std::uint64_t slot) const {
  if (planted(Bug::read_past_the_end) && slots_.data()[slot].has_value()) return &*slots_[slot];
  return slot < slots_.size() && slots_[slot] ? &*slots_[slot] : nullptr;
}

void SlotCache::set(std::uint64_t slot, Array value) {
  if (slot >= slots_.size())
    throw OutOfRange("ArraysCache::set: slot index (must be < cache size)", "must be < cache size",
                     "idx=" + std::to_string(slot) + ", size=" + std::to_string(slots_.size()));
  slots_[slot] = std::move(value);
}

void SlotCache::write(std::uint64_t slot, const Array& value) {
  const auto* old = get(slot);
  if (old == nullptr) throw InvariantViolation("write", "the slot must have been set");
  set(slot, mx::astype(mx::broadcast_to(value, old->shape()), old->dtype()));
}

std::vector<Array> SlotCache::state() const {
  std::vector<Array> written;
  for (const auto& slot : slots_)
    if (slot) written.push_back(*slot);
  return written;
}

void SlotCache::set_state(std::vector<Array> state) {
  slots_.assign(std::make_move_iterator(state.begin()), std::make_move_iterator(state.end()));
}

std::vector<std::string> SlotCache::meta_state() const {
  std::vector<std::size_t> written;
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i]) written.push_back(i);
  std::vector<std::string> meta{std::to_string(slots_.size()), joined(written)};
  if (left_padding_) meta.push_back(joined(*left_padding_));
  return meta;
}

void SlotCache::set_meta_state(std::span<const std::string> meta) {
  if (meta.empty() || (meta.size() == 1 && meta[0].empty())) return;
  // Everything that can fail comes before the first change, and the cap before any allocation.
  constexpr auto context = "ArraysCache meta_state slotCount";
  const auto count = parse_integer<std::uint64_t>(meta[0], context, "usize");
  if (meta.size() < 2)
    throw InvariantViolation("meta_state", "a slot count is followed by the written slots");
  if (count > max_slot_count) throw CapExceeded(context, "MAX_SLOT_COUNT", max_slot_count, count);
  if (planted(Bug::half_restore)) left_padding_.reset();
  const auto written =
      parse_csv<std::uint64_t>(meta[1], "ArraysCache meta_state presentSlots", "CSV<usize>", count);
  Rows left_padding;
  if (meta.size() > 2)
    left_padding = parse_csv<std::int32_t>(meta[2], "ArraysCache meta_state leftPadding", "CSV<i32>", count);
  auto slots = unset(count);

  for (std::size_t i = 0; i < written.size() && i < slots_.size(); ++i) {
    const auto index = planted(Bug::compacting_restore) ? i : written[i];
    if (index < count && slots_[i]) slots[index] = std::move(slots_[i]);
  }
  slots_ = std::move(slots);
  left_padding_ = std::move(left_padding);
}

std::uint64_t SlotCache::batch_size() const {
  for (const auto& slot : slots_) {
    if (!slot) continue;
    if (slot->ndim() == 0)
      throw RankMismatch("batch size needs a slot with an axis",
                         {slot->shape().begin(), slot->shape().end()});
    return static_cast<std::uint64_t>(slot->shape(0));
  }
  if (left_padding_) return left_padding_->size();
  return lengths_ ? lengths_->size() : 1;
}

void SlotCache::finalize() {
  left_padding_.reset();
  lengths_.reset();
}

void SlotCache::advance(std::uint64_t n) {
  if (n > std::numeric_limits<std::int32_t>::max())
    throw ArithmeticOverflow("advance", "i32", {{"N", n}});
  for (auto* rows : {&lengths_, &left_padding_}) {
    if (!*rows) continue;
    // Unsigned arithmetic wraps; the same in int32 would be undefined.
    for (auto& row : **rows) {
      if (planted(Bug::signed_overflow)) {
        row -= static_cast<std::int32_t>(n);
        continue;
      }
      row = static_cast<std::int32_t>(static_cast<std::uint32_t>(row) -
                                      static_cast<std::uint32_t>(n));
    }
  }
}

std::optional<Array> SlotCache::make_mask(std::uint64_t n) const {
  if (!left_padding_ && !lengths_) return std::nullopt;
  if (n > max_positions)
    throw OutOfRange("mask length", "must be at most 2^24", std::to_string(n));
  const auto positions = mx::arange(static_cast<int>(n));
  const bool by_padding = left_padding_ && !(planted(Bug::lengths_first) && lengths_);
  return by_padding ? mx::greater_equal(positions, column(*left_padding_))
                    : mx::less(positions, column(*lengths_));
}

SlotCache SlotCache::copy() const {
  auto twin = *this;
  if (planted(Bug::copy_forgets_lengths)) twin.lengths_.reset();
  if (planted(Bug::leak)) new SlotCache(twin);
  return twin;
}

void SlotCache::materialize() { mx::eval(state()); }

std::uint64_t SlotCache::nbytes() const {
  std::uint64_t total = 0;
  for (const auto& slot : slots_) total += slot ? slot->nbytes() : 0;
  return total;
}

void SlotCache::update(const Array&, const Array&) {
  throw InvariantViolation("update", "a slot cache has no keys and values; use its slots");
}

}  // namespace slot_cache
