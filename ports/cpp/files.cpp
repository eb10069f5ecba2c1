#include "files.hpp"

#include "src/prompt_cache.hpp"
#include "wire.hpp"

using conformance::Arguments;
using conformance::json;
using slot_cache::Array;
using slot_cache::Cache;
using slot_cache::CacheList;
using slot_cache::KeyValues;
using slot_cache::SlotCache;

namespace {

// A saved cache may be as deep as a loaded one.
constexpr std::uint64_t max_depth = slot_cache::max_list_depth;

conformance::Failure invalid(const std::string& why) {
  return {conformance::Code::invalid_arguments, why};
}

// int32 [B], the only form that a file has for left padding.
std::vector<std::int32_t> rows_of(const conformance::Tensor& tensor) {
  if (tensor.dtype != "int32" || tensor.shape.size() != 1)
    throw slot_cache::CannotHold("left_padding", "a file has it as a list of int32");
  const auto array = wire::array_of(tensor);
  return {array.data<std::int32_t>(), array.data<std::int32_t>() + array.size()};
}

Cache slots_from(const std::string& class_name, const Arguments& a) {
  const auto& slots = a.at("slots");
  if (!slots.is_array()) throw invalid("slots must be a list");
  const auto padding =
      a.is_null("left_padding") ? slot_cache::Rows{} : rows_of(a.tensor("left_padding"));
  std::vector<Array> written;
  std::vector<std::string> meta{std::to_string(slots.size()), ""};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].is_null()) continue;
    written.push_back(wire::array_of(conformance::decode(slots[i])));
    meta[1] += (meta[1].empty() ? "" : ",") + std::to_string(i);
  }
  // A list of no rows is something else than none, and only metadata can say so.
  auto cache = SlotCache::from_state(class_name, std::move(written), meta);
  cache.set_left_padding(padding);
  return cache;
}

Cache key_values_from(const std::string& class_name, const Arguments& a) {
  slot_cache::Numbers settings;
  if (!a.is_null("numbers")) {
    const auto& numbers = a.at("numbers");
    if (!numbers.is_object()) throw invalid("numbers must be an object");
    const Arguments named(numbers);
    for (const auto& item : numbers.items())
      if (!item.value().is_null())
        settings[item.key()] = named.integer<std::uint32_t>(item.key().c_str());
  }
  const auto keys = a.tensors("keys"), values = a.tensors("values");
  if (keys.size() != values.size() || keys.size() > 1)
    throw invalid("keys and values have one tensor each, or none");
  if (keys.empty()) return slot_cache::key_values(class_name, std::nullopt, settings);
  return slot_cache::key_values(
      class_name, std::pair(wire::array_of(keys[0]), wire::array_of(values[0])), settings);
}

Cache cache_from(const json& spec, std::uint64_t depth) {
  if (!spec.is_object()) throw invalid("a cache is an object with a class_name");
  if (depth == 0) throw invalid("caches are nested too deep");
  const Arguments a(spec);
  const auto class_name = a.text("class_name");
  if (class_name != "CacheList")
    return spec.contains("slots") ? slots_from(class_name, a) : key_values_from(class_name, a);
  const auto& children = a.at("caches");
  if (!children.is_array()) throw invalid("caches must be a list");
  CacheList list;
  for (const auto& child : children) list.children.push_back(cache_from(child, depth - 1));
  return list;
}

json described(const SlotCache& cache) {
  auto slots = json::array();
  for (const auto& slot : cache.slots()) slots.push_back(slot ? wire::json_of(*slot) : json());
  return {{"class_name", cache.class_name()},
          {"slots", std::move(slots)},
          {"left_padding", wire::json_of(cache.left_padding())},
          {"lengths", wire::json_of(cache.lengths())}};
}

json described(const KeyValues& cache) {
  auto numbers = json::object();
  for (const auto& [name, number] : cache.numbers) numbers[name] = number ? json(*number) : json();
  for (const auto& [name, rows] : cache.rows) numbers[name] = wire::json_of(rows);
  if (cache.rotated) numbers["rotated"] = *cache.rotated;
  return {{"class_name", cache.class_name},
          {"keys", wire::json_of(cache.keys)},
          {"values", wire::json_of(cache.values)},
          {"numbers", std::move(numbers)}};
}

json described(const Cache& cache);

json described(const CacheList& list) {
  auto children = json::array();
  for (const auto& child : list.children) children.push_back(described(child));
  return {{"class_name", "CacheList"}, {"caches", std::move(children)}};
}

json described(const Cache& cache) {
  return std::visit([](const auto& each) { return described(each); }, cache);
}

json save(const Arguments& a) {
  slot_cache::PromptCache content;
  const auto& caches = a.at("caches");
  if (!caches.is_array()) throw invalid("caches must be a list");
  for (const auto& spec : caches) content.caches.push_back(cache_from(spec, max_depth));
  if (!a.is_null("user_metadata")) {
    const auto& texts = a.at("user_metadata");
    if (!texts.is_object()) throw invalid("user_metadata must be an object");
    for (const auto& item : texts.items()) {
      if (!item.value().is_string()) throw invalid("user_metadata must be an object of strings");
      content.user_metadata[item.key()] = item.value();
    }
  }
  slot_cache::save_prompt_cache(a.text("path"), content);
  return nullptr;
}

json load(const Arguments& a) {
  const auto loaded = slot_cache::load_prompt_cache(a.text("path"));
  auto caches = json::array();
  for (const auto& cache : loaded.caches) caches.push_back(described(cache));
  return {{"caches", std::move(caches)}, {"user_metadata", loaded.user_metadata}};
}

json resave(const Arguments& a) {
  const auto path = a.text("path");
  slot_cache::save_prompt_cache(path, slot_cache::load_prompt_cache(path));
  return nullptr;
}

}  // namespace

void serve_files(conformance::Server& server) {
  server.on("save", save);
  server.on("load", load);
  server.on("resave", resave);
}
