// Caches of keys and values, with a window and without, on the wire.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "skeleton/protocol.hpp"
#include "src/token_cache.hpp"

class Tokens {
 public:
  void serve(conformance::Server& server);
  void reset();

 private:
  // What was handed out: a state, keys or values (or null before the first update), an offset.
  using Held = std::variant<std::vector<slot_cache::Array>, std::optional<slot_cache::Array>,
                            std::uint64_t>;

  void serve_each(conformance::Server& server, const std::string& kind);
  slot_cache::TokenCache& cache(const conformance::Arguments& a);
  void put(const conformance::Arguments& a, const char* name,
           std::unique_ptr<slot_cache::TokenCache> made);
  static Held kept(const slot_cache::TokenCache& cache, const std::string& what);

  std::unordered_map<std::string, std::unique_ptr<slot_cache::TokenCache>> caches_;
  std::unordered_map<std::string, Held> held_;
};
