#include "tokens.hpp"

#include <optional>
#include <utility>

#include "src/tokens.hpp"
#include "wire.hpp"

using conformance::Arguments;
using conformance::json;
using slot_cache::Array;
using slot_cache::KvCache;
using slot_cache::RotatingCache;
using slot_cache::TokenCache;

namespace {

json shown(const std::vector<Array>& arrays) { return wire::json_of(arrays); }
json shown(const std::optional<Array>& array) { return array ? wire::json_of(*array) : json(); }
json shown(std::uint64_t number) { return number; }

json shown(const slot_cache::Mask& mask) {
  if (const auto* array = std::get_if<Array>(&mask)) return wire::json_of(*array);
  return std::holds_alternative<slot_cache::Causal>(mask) ? json("causal") : json();
}

std::optional<std::uint64_t> optional(const Arguments& a, const char* name) {
  if (a.is_null(name)) return std::nullopt;
  return a.integer<std::uint64_t>(name);
}

bool flag(const Arguments& a, const char* name) {
  if (a.is_null(name)) return false;
  const auto& value = a.at(name);
  if (!value.is_boolean())
    throw conformance::Failure(conformance::Code::invalid_arguments,
                               std::string(name) + " must be true or false");
  return value;
}

// What is stored, without free room, and the numbers beside it.
json described(const TokenCache& cache) {
  auto keys = json::array(), values = json::array();
  if (const auto& buffers = cache.buffers()) {
    keys.push_back(wire::json_of(slot_cache::first(buffers->keys, cache.offset())));
    values.push_back(wire::json_of(slot_cache::first(buffers->values, cache.offset())));
  }
  json numbers{{"offset", cache.offset()}};
  if (const auto* window = dynamic_cast<const RotatingCache*>(&cache)) {
    numbers["keep"] = window->keep();
    numbers["max_size"] = *window->max_size();
    numbers["idx"] = window->index();
  }
  return {{"class_name", cache.class_name()},
          {"keys", std::move(keys)},
          {"values", std::move(values)},
          {"numbers", std::move(numbers)}};
}

}  // namespace

void Tokens::reset() {
  caches_.clear();
  held_.clear();
}

TokenCache& Tokens::cache(const Arguments& a) {
  const auto handle = a.text("cache");
  const auto found = caches_.find(handle);
  if (found == caches_.end()) throw conformance::unknown_cache(handle);
  return *found->second;
}

void Tokens::put(const Arguments& a, const char* name, std::unique_ptr<TokenCache> made) {
  caches_.insert_or_assign(a.text(name), std::move(made));
}

Tokens::Held Tokens::kept(const TokenCache& cache, const std::string& what) {
  if (what == "state") return cache.state();
  if (what == "offset") return cache.offset();
  if (what != "keys" && what != "values")
    throw conformance::Failure(conformance::Code::invalid_arguments, "nothing is called " + what);
  if (!cache.buffers()) return std::optional<Array>();
  return std::optional(what == "keys" ? cache.buffers()->keys : cache.buffers()->values);
}

void Tokens::serve(conformance::Server& server) {
  server.on("kv.new", [this](const Arguments& a) {
    put(a, "cache", std::make_unique<KvCache>());
    return nullptr;
  });
  server.on("rotating.new", [this](const Arguments& a) {
    put(a, "cache",
        std::make_unique<RotatingCache>(a.integer<std::uint64_t>("max_size"),
                                        optional(a, "keep").value_or(0)));
    return nullptr;
  });
  for (const auto* kind : {"kv", "rotating"}) serve_each(server, std::string(kind) + ".");
}

void Tokens::serve_each(conformance::Server& server, const std::string& kind) {
  const auto does = [&](const char* name, auto body) {
    server.on(kind + name, [this, body](const Arguments& a) { return body(*this, a), json(); });
  };
  const auto gives = [&](const char* name, auto body) {
    server.on(kind + name, [this, body](const Arguments& a) { return json(body(cache(a), a)); });
  };
  gives("update_and_fetch", [](auto& cache, auto& a) {
    const auto keys = wire::array_of(a.tensor("keys")), values = wire::array_of(a.tensor("values"));
    const auto pair = cache.update_and_fetch(keys, values);
    return shown(std::vector{pair.keys, pair.values});
  });
  gives("make_mask", [](auto& cache, auto& a) {
    return shown(cache.make_mask(a.template integer<std::uint64_t>("n"),
                                 optional(a, "window_size"), flag(a, "return_array")));
  });
  gives("trim", [](auto& cache, auto& a) {
    return cache.trim(a.template integer<std::uint64_t>("n"));
  });
  gives("offset", [](auto& cache, auto&) { return cache.offset(); });
  gives("max_size", [](auto& cache, auto&) {
    return cache.max_size() ? json(*cache.max_size()) : json();
  });
  gives("nbytes", [](auto& cache, auto&) { return cache.nbytes(); });
  gives("empty", [](auto& cache, auto&) { return cache.empty(); });
  gives("is_trimmable", [](auto& cache, auto&) { return cache.is_trimmable(); });
  gives("class_name", [](auto& cache, auto&) { return cache.class_name(); });
  gives("state", [](auto& cache, auto&) { return shown(cache.state()); });
  gives("meta_state", [](auto& cache, auto&) { return cache.meta_state(); });
  gives("snapshot", [](auto& cache, auto&) { return described(cache); });
  does("set_state",
       [](auto& self, auto& a) { self.cache(a).set_state(wire::arrays_of(a.tensors("state"))); });
  does("set_meta_state",
       [](auto& self, auto& a) { self.cache(a).set_meta_state(a.texts("meta_state")); });
  does("materialize", [](auto& self, auto& a) { self.cache(a).materialize(); });
  does("copy", [](auto& self, auto& a) { self.put(a, "into", self.cache(a).copy()); });
  does("from_state", [](auto& self, auto& a) {
    const auto meta = a.is_null("meta_state") ? std::vector<std::string>{} : a.texts("meta_state");
    self.put(a, "cache",
             slot_cache::token_cache_from_state(a.text("class_name"),
                                                wire::arrays_of(a.tensors("state")), meta));
  });
  does("round_trip", [](auto& self, auto& a) {
    const auto& from = self.cache(a);
    self.put(a, "into",
             slot_cache::token_cache_from_state(from.class_name(), from.state(),
                                                from.meta_state()));
  });
  does("hold", [](auto& self, auto& a) {
    self.held_.insert_or_assign(a.text("name"), kept(self.cache(a), a.text("what")));
  });
  server.on(kind + "held", [this](const Arguments& a) {
    const auto found = held_.find(a.text("name"));
    if (found == held_.end()) throw conformance::unknown_cache(a.text("name"));
    return std::visit([](const auto& held) { return shown(held); }, found->second);
  });
}
