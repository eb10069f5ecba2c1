#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <limits>
#include <span>
#include <string_view>

#include "key_value_numbers.hpp"
#include "mlx/ops.h"
#include "parse.hpp"
#include "prompt_cache.hpp"
#include "safetensors.hpp"

namespace mx = mlx::core;

namespace slot_cache {
namespace {

using Index = std::uint64_t;
template <typename T>
using Sparse = std::map<Index, T>;
using Arrays = std::span<const Array>;
using Texts = std::span<const std::string>;

constexpr int key_value_rank = 4;

std::optional<Index> index(std::string_view text) {
  const auto scanned = scan_integer<Index>(text);
  const auto* found = std::get_if<Index>(&scanned);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::pair<std::string_view, std::string_view> split(std::string_view key) {
  const auto dot = key.find('.');
  if (dot == std::string_view::npos) return {key, {}};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

// Files `value` under the two indices that `key` spells; other keys are skipped.
template <typename T>
void file_under(Sparse<Sparse<T>>& lists, std::string_view key, const T& value) {
  const auto [head, rest] = split(key);
  const auto i = index(head), j = index(rest);
  if (i && j) lists[*i].insert_or_assign(*j, value);
}

// A list from its items by index. LengthMismatch unless they are 0, 1, 2, ...: a single key can
// name an index for which no memory would do.
template <typename T>
std::vector<T> dense(const Sparse<T>& items, const char* what) {
  std::vector<T> list;
  if (items.empty()) return list;
  const auto last = items.rbegin()->first;
  if (last == std::numeric_limits<Index>::max())
    throw ArithmeticOverflow(what, "usize", {{"max_idx", last}});
  if (last + 1 != items.size()) throw LengthMismatch(what, items.size(), last + 1);
  list.reserve(items.size());
  for (const auto& item : items) list.push_back(item.second);
  return list;
}

template <typename T>
Sparse<std::vector<T>> all_dense(const Sparse<Sparse<T>>& lists, const char* what) {
  Sparse<std::vector<T>> found;
  for (const auto& [i, items] : lists) found.emplace(i, dense(items, what));
  return found;
}

// What the table of texts says, by its first part: 0 metadata, 1 the user's, 2 classes.
struct Side {
  Sparse<std::vector<std::string>> metadata;
  std::map<std::string, std::string> user;
  std::vector<std::string> classes;
};

Side read_side(const std::map<std::string, std::string>& table) {
  Side side;
  Sparse<Sparse<std::string>> lists;
  Sparse<std::string> classes;
  for (const auto& [key, text] : table) {
    const auto [head, rest] = split(key);
    if (head == "0" && rest.find('.') != std::string_view::npos) {
      file_under(lists, rest, text);
    } else if (head == "0") {
      // One text, of which an empty one is none.
      if (const auto i = index(rest))
        side.metadata[*i] = text.empty() ? std::vector<std::string>{} : std::vector{text};
    } else if (head == "1" && head.size() < key.size()) {
      side.user.emplace(rest, text);
    } else if (head == "2") {
      if (const auto i = index(rest)) classes.insert_or_assign(*i, text);
    }
  }
  for (auto& [i, texts] : all_dense(lists, "prompt cache: meta_state"))
    side.metadata.insert_or_assign(i, std::move(texts));
  side.classes = dense(classes, "prompt cache: class");
  return side;
}

void check_ranks(Arrays state) {
  for (const auto& array : state)
    if (array.ndim() != key_value_rank)
      throw RankMismatch("keys and values have four axes",
                         {array.shape().begin(), array.shape().end()});
}

// Keys, then values. OutOfRange unless there are so many arrays.
std::pair<std::vector<Array>, std::vector<Array>> halves(Arrays state,
                                                         std::initializer_list<std::size_t> allowed) {
  if (std::ranges::find(allowed, state.size()) == allowed.end()) {
    std::string wanted;
    for (const auto count : allowed) wanted += (wanted.empty() ? "" : " or ") + std::to_string(count);
    throw OutOfRange("state", "must have " + wanted + " arrays", std::to_string(state.size()));
  }
  const auto keys = state.first(state.size() / 2), values = state.last(state.size() / 2);
  return {{keys.begin(), keys.end()}, {values.begin(), values.end()}};
}

Numbers read_numbers(const std::string& name, Texts meta, std::span<const std::string_view> names) {
  if (meta.size() != names.size()) throw LengthMismatch(name, names.size(), meta.size());
  Numbers numbers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_unset = names[i] == "chunk_size" && meta[i] == "None";
    numbers[std::string(names[i])] =
        is_unset ? std::nullopt : std::optional(parse_integer<Index>(meta[i], name, "usize"));
  }
  return numbers;
}

Index length_of(const Array& keys) { return static_cast<Index>(keys.shape(2)); }

KeyValues plain(Arrays state, Texts meta) {
  if (!meta.empty()) throw LengthMismatch("KVCache", 0, meta.size());
  auto [keys, values] = halves(state, {0, 2});
  check_ranks(state);
  const auto offset = state.empty() ? 0 : length_of(keys[0]);
  for (int axis = 0; !state.empty() && axis < key_value_rank - 1; ++axis)
    if (keys[0].shape(axis) != values[0].shape(axis))
      throw LengthMismatch("keys and values", static_cast<Index>(keys[0].shape(axis)),
                           static_cast<Index>(values[0].shape(axis)));
  return {"KVCache", std::move(keys), std::move(values), {{"offset", offset}}};
}

KeyValues rotating(Arrays state, Texts meta) {
  auto [keys, values] = halves(state, {0, 2});
  check_ranks(state);
  auto numbers = read_numbers("RotatingKVCache", meta, rotating_numbers);
  if (state.empty() && (numbers["offset"] != 0 || numbers["idx"] != 0))
    throw InvariantViolation("an empty RotatingKVCache", "must have offset 0 and idx 0");
  return {"RotatingKVCache", std::move(keys), std::move(values), std::move(numbers)};
}

KeyValues quantized(Arrays state, Texts meta) {
  auto [keys, values] = halves(state, {0, 4, 6});
  // mlx-swift-lm puts the step before the others.
  const bool has_step = meta.size() == quantized_numbers.size() + 1;
  if (has_step) parse_integer<Index>(meta[0], "QuantizedKVCache", "usize");
  auto numbers =
      read_numbers("QuantizedKVCache", has_step ? meta.subspan(1) : meta, quantized_numbers);
  if (state.empty() && numbers["offset"] != 0)
    throw InvariantViolation("an empty QuantizedKVCache", "must have offset 0");
  return {"QuantizedKVCache", std::move(keys), std::move(values), std::move(numbers)};
}

KeyValues chunked(Arrays state, Texts meta) {
  if (state.size() != 2) throw LengthMismatch("ChunkedKVCache", 2, state.size());
  check_ranks(state);
  auto numbers = read_numbers("ChunkedKVCache", meta, chunked_numbers);
  numbers["offset"] = length_of(state[0]);
  return {"ChunkedKVCache", {state[0]}, {state[1]}, std::move(numbers)};
}

// Keys and values of a batch, and how far its rows are. The class has no numbers yet.
KeyValues batch_state(const std::string& name, Arrays state) {
  if (state.empty()) {
    const auto none = mx::zeros({0}, mx::int32);
    return {name, {}, {}, {}, {{"offset", none}, {"left_padding", none}}};
  }
  if (state.size() != 4)
    throw OutOfRange("state", "must have 0 or 4 arrays", std::to_string(state.size()));
  check_ranks(state.first(2));
  const auto& keys = state[0];
  const auto& padding = state[3];
  if (padding.ndim() != 1)
    throw RankMismatch("left_padding", {padding.shape().begin(), padding.shape().end()});
  if (padding.shape(0) != keys.shape(0))
    throw LengthMismatch("left_padding", static_cast<Index>(keys.shape(0)),
                         static_cast<Index>(padding.shape(0)));
  if (padding.dtype() != mx::int32) throw DtypeMismatch("I32", "another dtype");
  return {name, {keys}, {state[1]}, {}, {{"offset", state[2]}, {"left_padding", padding}}};
}

KeyValues batch(Arrays state, Texts meta) {
  auto made = batch_state("BatchKVCache", state);
  if (!meta.empty()) throw LengthMismatch("BatchKVCache", 0, meta.size());
  made.numbers["idx"] = state.empty() ? 0 : length_of(state[0]);
  return made;
}

bool truth(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text != "true" && text != "false") throw UnknownEnumValue("rotated", shown(text));
  return text == "true";
}

KeyValues batch_rotating(Arrays state, Texts meta) {
  auto made = batch_state("BatchRotatingKVCache", state);
  constexpr std::array<std::string_view, 3> names{"max_size", "seen", "idx"};
  if (meta.size() != names.size() + 1)
    throw LengthMismatch("BatchRotatingKVCache", names.size() + 1, meta.size());
  made.numbers = read_numbers("BatchRotatingKVCache", meta.first(names.size()), names);
  made.rotated = truth(meta[names.size()]);
  const auto size = *made.numbers["max_size"], seen = *made.numbers["seen"];
  const auto idx = *made.numbers["idx"];
  if (state.empty()) {
    if (seen != 0 || idx != 0 || *made.rotated)
      throw OutOfRange("an empty BatchRotatingKVCache", "must have fresh numbers", meta[1]);
    return made;
  }
  const auto length = length_of(state[0]);
  if (size == 0) throw InvariantViolation("max_size", "must be >= 1");
  if (idx > length) throw OutOfRange("idx", "must be at most the length", std::to_string(idx));
  if (*made.rotated && length != size)
    throw LengthMismatch("a rotated cache is as long as its window", size, length);
  if (length > seen) throw OutOfRange("length", "must be at most seen", std::to_string(length));
  return made;
}

enum class Kind { slots, plain, rotating, quantized, chunked, batch, batch_rotating, list };

// The classes, by every name that one of the implementations gives them.
constexpr std::array<std::pair<std::string_view, Kind>, 17> labels{{
    {"ArraysCache", Kind::slots},
    {"MambaCache", Kind::slots},
    {"KVCache", Kind::plain},
    {"ConcatenateKVCache", Kind::plain},
    {"KVCacheSimple", Kind::plain},
    {"StandardKvCache", Kind::plain},
    {"RotatingKVCache", Kind::rotating},
    {"RotatingKvCache", Kind::rotating},
    {"QuantizedKVCache", Kind::quantized},
    {"StandardQuantizedKvCache", Kind::quantized},
    {"ChunkedKVCache", Kind::chunked},
    {"ChunkedKvCache", Kind::chunked},
    {"BatchKVCache", Kind::batch},
    {"BatchKvCache", Kind::batch},
    {"BatchRotatingKVCache", Kind::batch_rotating},
    {"BatchRotatingKvCache", Kind::batch_rotating},
    {"CacheList", Kind::list},
}};

Kind kind_of(const std::string& label) {
  const auto* found = std::ranges::find(labels, label, [](const auto& entry) { return entry.first; });
  if (found == labels.end()) throw UnknownEnumValue("cache class", shown(label));
  return found->second;
}

class Restorer {
 public:
  Cache layer(const std::string& label, Arrays state, Texts meta) {
    const auto kind = kind_of(label);
    if (kind == Kind::plain || kind == Kind::rotating) check_ranks(state);
    if (kind == Kind::plain && !meta.empty())
      throw InvariantViolation("a cache without metadata", "must have empty meta_state");
    return cache(label, kind, state, meta, max_list_depth);
  }

 private:
  Cache cache(const std::string& label, Kind kind, Arrays state, Texts meta, Index depth) {
    switch (kind) {
      case Kind::slots:
        take_slots(meta);
        return SlotCache::from_state(label, {state.begin(), state.end()}, meta);
      case Kind::plain:
        return plain(state, meta);
      case Kind::rotating:
        return rotating(state, meta);
      case Kind::quantized:
        return quantized(state, meta);
      case Kind::chunked:
        return chunked(state, meta);
      case Kind::batch:
        return batch(state, meta);
      case Kind::batch_rotating:
        return batch_rotating(state, meta);
      case Kind::list:
        return children(state, meta, depth);
    }
    throw UnknownEnumValue("cache class", label);
  }

  // An unset slot costs a file nothing, so that a few bytes a cache could ask for gigabytes.
  void take_slots(Texts meta) {
    const auto count = meta.empty() ? std::nullopt : index(meta[0]);
    if (!count || *count > max_slot_count) return;  // the cache itself says what is wrong
    slots_ += *count;
    if (slots_ > max_file_slots) throw TooLarge("file", "MAX_FILE_SLOTS", max_file_slots, slots_);
  }

  // [child count, then for each child: class, number of arrays, number of texts, the texts].
  CacheList children(Arrays state, Texts meta, Index depth) {
    if (depth == 0)
      throw CapExceeded("CacheList", "CACHE_LIST_MAX_NESTING_DEPTH", max_list_depth, max_list_depth);
    if (meta.empty())
      throw InvariantViolation("CacheList meta_state", "must begin with the child count");
    const auto count = parse_integer<Index>(meta[0], "CacheList child count", "usize");
    meta = meta.subspan(1);
    const Index most = meta.size() / 3;
    if (count > most)
      throw CapExceeded("CacheList child count", "max_children_for_meta", most, count);
    CacheList list;
    for (Index child = 0; child < count; ++child) {
      if (meta.size() < 3)
        throw InvariantViolation("CacheList meta_state", "ends within a child");
      const auto& label = meta[0];
      const auto arrays = parse_integer<Index>(meta[1], "CacheList state count", "usize");
      const auto texts = parse_integer<Index>(meta[2], "CacheList metadata count", "usize");
      meta = meta.subspan(3);
      if (arrays > state.size() || texts > meta.size())
        throw LengthMismatch("CacheList child", arrays, state.size());
      list.children.push_back(
          cache(label, kind_of(label), state.first(arrays), meta.first(texts), depth - 1));
      state = state.subspan(arrays);
      meta = meta.subspan(texts);
    }
    if (!state.empty() || !meta.empty())
      throw LengthMismatch("CacheList framing", 0, state.size() + meta.size());
    return list;
  }

  Index slots_ = 0;
};

template <typename T>
std::span<const T> at(const Sparse<std::vector<T>>& lists, Index i) {
  const auto found = lists.find(i);
  return found != lists.end() ? std::span<const T>(found->second) : std::span<const T>{};
}

}  // namespace

PromptCache load_prompt_cache(const std::string& path) {
  const auto flat = read_safetensors(path);
  Sparse<Sparse<Array>> tensors;
  for (const auto& [key, tensor] : flat.tensors) file_under(tensors, key, tensor);
  const auto states = all_dense(tensors, "prompt cache: array sub");
  auto side = read_side(flat.metadata);
  if (!states.empty() && states.rbegin()->first >= side.classes.size())
    throw OutOfRange("array group index", "must be below the class count",
                     std::to_string(states.rbegin()->first));
  PromptCache loaded;
  Restorer restorer;
  for (Index i = 0; i < side.classes.size(); ++i)
    loaded.caches.push_back(
        restorer.layer(side.classes[i], at(states, i), at(side.metadata, i)));
  loaded.user_metadata = std::move(side.user);
  return loaded;
}

}  // namespace slot_cache
