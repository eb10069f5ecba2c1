// Prompt-cache files as mlxrs 0.1 writes and reads them: the caches of a model's layers in order,
// and texts of the user.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "slot_cache.hpp"

namespace slot_cache {

// What whole files may ask for beyond what each cache may.
inline constexpr std::uint64_t max_file_slots = std::uint64_t{1} << 20;
inline constexpr std::uint64_t max_list_depth = 64;

// A count by its name; only chunk_size may be unset.
using Numbers = std::map<std::string, std::optional<std::uint64_t>>;

// A cache of the key/value family as stored state. `class_name` is KVCache (offset),
// RotatingKVCache (keep, max_size, offset, idx), QuantizedKVCache (offset, group_size, bits),
// ChunkedKVCache (chunk_size, start_position, offset), BatchKVCache (idx) or BatchRotatingKVCache
// (max_size, seen, idx); in parentheses its numbers. Keys and values are one array
// [B, heads, S, dim] each, the parts of a quantized one, or none while it is empty. `rows` are the
// offset and left_padding of a batch (int32 [B]), `rotated` is of one with a window.
struct KeyValues {
  std::string class_name;
  std::vector<Array> keys, values;
  Numbers numbers;
  std::map<std::string, Array> rows = {};
  std::optional<bool> rotated = {};
};

struct CacheList;
using Cache = std::variant<SlotCache, KeyValues, CacheList>;

// Several caches of one layer.
struct CacheList {
  std::vector<Cache> children;
};

struct PromptCache {
  std::vector<Cache> caches;
  std::map<std::string, std::string> user_metadata;
};

// Such a cache after its first update with these keys and values, or before it. `settings` are the
// arguments of its constructor. UnknownEnumValue for another class.
KeyValues key_values(const std::string& class_name,
                     const std::optional<std::pair<Array, Array>>& update, Numbers settings);

// The caches of a file. Their number is that of the class labels; keys of no cache are skipped,
// unknown classes, gaps in lists and counts that do not match are refused: BadContainer, TooLarge,
// LengthMismatch, OutOfRange, RankMismatch, InvariantViolation, UnknownEnumValue, CapExceeded,
// Parse, FileIo. Lengths are not in files, and a file without metadata has no slots that are unset.
PromptCache load_prompt_cache(const std::string& path);

// Arrays as `cache.array`, metadata as `0.cache.text` (`0.cache`, empty, where there is none),
// `1.key` the user's, `2.cache` the class. Lengths are not kept. FileIo.
void save_prompt_cache(const std::string& path, const PromptCache& content);

}  // namespace slot_cache
