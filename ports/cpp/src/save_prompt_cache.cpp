#include <algorithm>
#include <span>
#include <string_view>

#include "key_value_numbers.hpp"
#include "mlx/ops.h"
#include "prompt_cache.hpp"
#include "safetensors.hpp"

namespace mx = mlx::core;

namespace slot_cache {
namespace {

// A cache as it stands in a file.
struct Parts {
  std::string class_name;
  std::vector<Array> arrays;
  std::vector<std::string> texts;
};

std::span<const std::string_view> numbers_of(std::string_view class_name) {
  if (class_name == "RotatingKVCache") return rotating_numbers;
  if (class_name == "QuantizedKVCache") return quantized_numbers;
  if (class_name == "ChunkedKVCache") return chunked_numbers;
  if (class_name == "KVCache") return {};
  throw UnknownEnumValue("cache class", shown(class_name));
}

Parts parts(const SlotCache& cache) {
  return {std::string(cache.class_name()), cache.state(), cache.meta_state()};
}

Parts parts(const KeyValues& cache) {
  Parts made{cache.class_name, cache.keys, {}};
  made.arrays.insert(made.arrays.end(), cache.values.begin(), cache.values.end());
  for (const auto name : numbers_of(cache.class_name)) {
    const auto number = cache.numbers.at(std::string(name));
    made.texts.push_back(number ? std::to_string(*number) : "None");
  }
  return made;
}

Parts parts(const Cache& cache);

Parts parts(const CacheList& list) {
  Parts made{"CacheList", {}, {std::to_string(list.children.size())}};
  for (const auto& child : list.children) {
    const auto inner = parts(child);
    made.texts.push_back(inner.class_name);
    made.texts.push_back(std::to_string(inner.arrays.size()));
    made.texts.push_back(std::to_string(inner.texts.size()));
    made.texts.insert(made.texts.end(), inner.texts.begin(), inner.texts.end());
    made.arrays.insert(made.arrays.end(), inner.arrays.begin(), inner.arrays.end());
  }
  return made;
}

Parts parts(const Cache& cache) {
  return std::visit([](const auto& each) { return parts(each); }, cache);
}

// What MLX and the strings of C cannot write.
void check_savable(const Flat& flat) {
  for (const auto& [key, text] : flat.metadata)
    for (const auto& [part, what] : {std::pair(&key, "key"), std::pair(&text, "value")})
      if (part->find('\0') != std::string::npos) throw InteriorNul("save", what);
  for (const auto& [key, tensor] : flat.tensors) {
    if (tensor.size() == 0) throw MlxOp("cannot save a tensor without elements: " + key);
    if (tensor.dtype() == mx::float64) throw MlxOp("cannot save float64: " + key);
  }
}

}  // namespace

KeyValues key_values(const std::string& class_name,
                     const std::optional<std::pair<Array, Array>>& update, Numbers settings) {
  numbers_of(class_name);
  const auto length = update ? static_cast<std::uint64_t>(update->first.shape(2)) : 0;
  settings["offset"] = length;
  if (class_name == "RotatingKVCache") settings["idx"] = length;
  if (class_name == "ChunkedKVCache") settings["start_position"] = 0;
  if (!update) return {class_name, {}, {}, std::move(settings)};
  if (class_name != "QuantizedKVCache")
    return {class_name, {update->first}, {update->second}, std::move(settings)};
  const auto group = static_cast<int>(settings.at("group_size").value());
  const auto bits = static_cast<int>(settings.at("bits").value());
  auto keys = mx::quantize(update->first, group, bits);
  auto values = mx::quantize(update->second, group, bits);
  return {class_name, std::move(keys), std::move(values), std::move(settings)};
}

void save_prompt_cache(const std::string& path, const PromptCache& content) {
  Flat flat;
  for (std::size_t i = 0; i < content.caches.size(); ++i) {
    const auto layer = std::to_string(i);
    const auto made = parts(content.caches[i]);
    for (std::size_t j = 0; j < made.arrays.size(); ++j)
      flat.tensors.emplace(layer + "." + std::to_string(j), made.arrays[j]);
    if (made.texts.empty()) flat.metadata["0." + layer] = "";
    for (std::size_t j = 0; j < made.texts.size(); ++j)
      flat.metadata["0." + layer + "." + std::to_string(j)] = made.texts[j];
    flat.metadata["2." + layer] = made.class_name;
  }
  for (const auto& [key, text] : content.user_metadata) flat.metadata["1." + key] = text;
  check_savable(flat);
  write_safetensors(path, flat);
}

}  // namespace slot_cache
