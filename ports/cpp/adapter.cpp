// The caches on the wire: here the slot cache, one handler for each operation.
#include <cstdlib>
#include <unordered_map>
#include <variant>

#include "files.hpp"
#include "mlx/device.h"
#include "mlx/memory.h"
#include "skeleton/protocol.hpp"
#include "src/slot_cache.hpp"
#include "tokens.hpp"
#include "wire.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>

// Freed memory is kept aside for a while, but a case has a budget.
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=1"; }
#endif

namespace mx = mlx::core;
using conformance::Arguments;
using conformance::json;
using slot_cache::Array;
using slot_cache::SlotCache;

namespace {

std::vector<Array> arrays(const Arguments& a, const char* name) {
  return wire::arrays_of(a.tensors(name));
}

std::vector<std::int32_t> padding(const Arguments& a) {
  return a.is_null("left_padding") ? std::vector<std::int32_t>{}
                                   : a.integers<std::int32_t>("left_padding");
}

std::optional<conformance::Refusal> translate(const std::exception& error) {
  const auto* typed = dynamic_cast<const slot_cache::CacheError*>(&error);
  if (typed == nullptr) return conformance::Refusal("MlxError", error.what());
  auto payload = json::object();
  for (const auto& [name, field] : typed->payload)
    payload[name] = std::visit([](const auto& value) { return json(value); }, field);
  return conformance::Refusal(typed->kind, typed->what(), payload);
}

class Adapter {
 public:
  Adapter()
      : server_({{"name", "slot-cache-cpp"}, {"version", PORT_VERSION}, {"language", "c++"}},
                "mlxrs-0.1", [this] { reset(); }, translate) {
    construction();
    slots();
    sequences();
    properties();
    tokens_.serve(server_);
    serve_files(server_);
  }

  void serve() { server_.serve(); }

 private:
  using Held = std::variant<std::optional<Array>, std::vector<Array>, slot_cache::Rows>;

  void reset() {
    caches_.clear();
    held_.clear();
    tokens_.reset();
    mx::clear_cache();  // no case is charged for the one before
#ifdef __SANITIZE_ADDRESS__
    // At exit it would be too late for a verdict; so a case soon after a leak is a crash. A look at
    // every case would take longer than the cases.
    if (++resets_ % 16 == 0 && __lsan_do_recoverable_leak_check() != 0) std::abort();
#endif
  }

  SlotCache& cache(const Arguments& a) {
    const auto handle = a.text("cache");
    const auto found = caches_.find(handle);
    if (found == caches_.end()) throw conformance::unknown_cache(handle);
    return found->second;
  }

  void put(const Arguments& a, const char* name, SlotCache made) {
    caches_.insert_or_assign(a.text(name), std::move(made));
  }

  // An operation that gives nothing.
  template <typename F>
  void does(const char* name, F&& body) {
    server_.on(name, [this, body](const Arguments& a) { return body(*this, a), json(nullptr); });
  }

  // An operation that gives what `body` says of the cache.
  template <typename F>
  void gives(const char* name, F&& body) {
    server_.on(name, [this, body](const Arguments& a) { return json(body(cache(a), a)); });
  }

  void construction() {
    does("new", [](auto& self, auto& a) {
      self.put(a, "cache", SlotCache(a.template integer<std::uint64_t>("size"), padding(a)));
    });
    does("new_mamba",
         [](auto& self, auto& a) { self.put(a, "cache", SlotCache::mamba(padding(a))); });
    does("copy", [](auto& self, auto& a) { self.put(a, "into", self.cache(a).copy()); });
    does("from_state", [](auto& self, auto& a) {
      self.put(a, "cache",
               SlotCache::from_state(a.text("class_name"), arrays(a, "state"),
                                     a.texts("meta_state")));
    });
    does("from_serialized", [](auto& self, auto& a) {
      self.cache(a).from_serialized(arrays(a, "state"), a.texts("meta_state"));
    });
    does("round_trip", [](auto& self, auto& a) {
      const auto& from = self.cache(a);
      self.put(a, "into",
               SlotCache::from_state(from.class_name(), from.state(), from.meta_state()));
    });
  }

  void slots() {
    gives("get", [](auto& cache, auto& a) {
      const auto* slot = cache.get(a.template integer<std::uint64_t>("slot"));
      return slot != nullptr ? wire::json_of(*slot) : json(nullptr);
    });
    does("set", [](auto& self, auto& a) {
      self.cache(a).set(a.template integer<std::uint64_t>("slot"), wire::array_of(a.tensor("value")));
    });
    does("write_in_place", [](auto& self, auto& a) {
      self.cache(a).write(a.template integer<std::uint64_t>("slot"), wire::array_of(a.tensor("value")));
    });
    gives("state", [](auto& cache, auto&) { return wire::json_of(cache.state()); });
    does("set_state", [](auto& self, auto& a) { self.cache(a).set_state(arrays(a, "state")); });
    gives("meta_state", [](auto& cache, auto&) { return cache.meta_state(); });
    does("set_meta_state",
         [](auto& self, auto& a) { self.cache(a).set_meta_state(a.texts("meta_state")); });
    gives("snapshot", [](auto& cache, auto&) {
      auto written = json::object();
      for (std::size_t i = 0; i < cache.slots().size(); ++i)
        if (const auto* slot = cache.get(i)) written[std::to_string(i)] = wire::json_of(*slot);
      return json{{"class_name", cache.class_name()},
                  {"slot_count", cache.slots().size()},
                  {"slots", std::move(written)},
                  {"left_padding", wire::json_of(cache.left_padding())},
                  {"lengths", wire::json_of(cache.lengths())}};
    });
    does("hold", [](auto& self, auto& a) {
      self.held_.insert_or_assign(a.text("name"), kept(self.cache(a), a));
    });
    server_.on("held", [this](const Arguments& a) {
      const auto found = held_.find(a.text("name"));
      if (found == held_.end()) throw conformance::unknown_cache(a.text("name"));
      return std::visit([](const auto& held) { return shown(held); }, found->second);
    });
  }

  static Held kept(const SlotCache& cache, const Arguments& a) {
    const auto what = a.text("what");
    if (what == "state") return cache.state();
    if (what == "left_padding") return cache.left_padding();
    if (what == "lengths") return cache.lengths();
    if (what != "slot")
      throw conformance::Failure(conformance::Code::invalid_arguments, "nothing is called " + what);
    const auto* slot = cache.get(a.integer<std::uint64_t>("slot"));
    return slot != nullptr ? std::optional(*slot) : std::nullopt;
  }

  static json shown(const std::optional<Array>& slot) {
    return slot ? wire::json_of(*slot) : json(nullptr);
  }
  template <typename T>
  static json shown(const T& held) {
    return wire::json_of(held);
  }

  void sequences() {
    does("prepare", [](auto& self, auto& a) {
      self.cache(a).prepare(a.template integers<std::int32_t>("lengths"));
    });
    does("finalize", [](auto& self, auto& a) { self.cache(a).finalize(); });
    does("advance", [](auto& self, auto& a) {
      self.cache(a).advance(a.template integer<std::uint64_t>("n"));
    });
    gives("make_mask", [](auto& cache, auto& a) {
      return shown(cache.make_mask(a.template integer<std::uint64_t>("n")));
    });
  }

  void properties() {
    gives("batch_size", [](auto& cache, auto&) { return cache.batch_size(); });
    gives("class_name", [](auto& cache, auto&) { return cache.class_name(); });
    gives("nbytes", [](auto& cache, auto&) { return cache.nbytes(); });
    gives("empty", [](auto& cache, auto&) { return cache.empty(); });
    gives("size", [](auto& cache, auto&) { return cache.size(); });
    gives("max_size", [](auto& cache, auto&) {
      const auto limit = cache.max_size();
      return limit ? json(*limit) : json(nullptr);
    });
    gives("is_trimmable", [](auto& cache, auto&) { return cache.is_trimmable(); });
    gives("trim", [](auto& cache, auto& a) {
      return cache.trim(a.template integer<std::uint64_t>("n"));
    });
    does("update", [](auto& self, auto& a) {
      self.cache(a).update(wire::array_of(a.tensor("keys")), wire::array_of(a.tensor("values")));
    });
    does("materialize", [](auto& self, auto& a) { self.cache(a).materialize(); });
  }

  [[maybe_unused]] unsigned resets_ = 0;
  std::unordered_map<std::string, SlotCache> caches_;
  std::unordered_map<std::string, Held> held_;
  Tokens tokens_;
  conformance::Server server_;
};

}  // namespace

int main() {
  // Bits must not depend on the machine, and float64 exists on the CPU only.
  mx::set_default_device(mx::Device::cpu);
  Adapter().serve();
}
