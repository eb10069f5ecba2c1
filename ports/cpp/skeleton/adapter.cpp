// An adapter to fill in: replace MyCache by your cache, and register the operations that it has.
// What is registered here is what the handshake declares; cases that need more do not apply yet.
#include <unordered_map>

#include "protocol.hpp"

using conformance::Arguments;
using conformance::json;
using conformance::Tensor;

namespace {

// Stands in for your cache, with your array type in the place of Tensor.
struct MyCache {
  MyCache(std::size_t size, std::vector<std::int32_t> padding)
      : slots(size), left_padding(std::move(padding)) {}
  std::vector<std::optional<Tensor>> slots;
  std::vector<std::int32_t> left_padding;
};

json wire(const std::optional<Tensor>& slot) { return slot ? encode(*slot) : json(nullptr); }

// Left padding and lengths travel as int32 tensors.
json wire_rows(const std::vector<std::int32_t>& rows) {
  if (rows.empty()) return nullptr;
  Tensor tensor{"int32", {static_cast<std::int64_t>(rows.size())}, {}};
  for (const auto row : rows)
    for (int shift = 0; shift < 32; shift += 8)
      tensor.bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(row) >> shift));
  return encode(tensor);
}

// Your exceptions by the name and with the fields that they have in your implementation.
std::optional<conformance::Refusal> translate(const std::exception&) { return std::nullopt; }

}  // namespace

int main() {
  std::unordered_map<std::string, MyCache> caches;
  const auto cache = [&caches](const Arguments& a) -> MyCache& {
    const auto found = caches.find(a.text("cache"));
    if (found == caches.end()) throw conformance::unknown_cache(a.text("cache"));
    return found->second;
  };
  conformance::Server server({{"name", "my-port"}, {"version", "0.0.1"}, {"language", "c++"}},
                             "mlxrs-0.1", [&caches] { caches.clear(); }, translate);

  server.on("new", [&](const Arguments& a) {
    auto padding = a.is_null("left_padding") ? std::vector<std::int32_t>{}
                                             : a.integers<std::int32_t>("left_padding");
    caches.insert_or_assign(a.text("cache"),
                            MyCache(a.integer<std::size_t>("size"), std::move(padding)));
    return nullptr;
  });
  server.on("get", [&](const Arguments& a) {
    const auto& slots = cache(a).slots;
    const auto slot = a.integer<std::size_t>("slot");
    return slot < slots.size() ? wire(slots[slot]) : json(nullptr);
  });
  server.on("set", [&](const Arguments& a) {
    auto& slots = cache(a).slots;
    const auto slot = a.integer<std::size_t>("slot");
    if (slot >= slots.size()) throw conformance::Refusal("OutOfRange", "there is no such slot");
    slots[slot] = a.tensor("value");
    return nullptr;
  });
  server.on("snapshot", [&](const Arguments& a) {
    const auto& seen = cache(a);
    auto slots = json::object();
    for (std::size_t i = 0; i < seen.slots.size(); ++i)
      if (seen.slots[i]) slots[std::to_string(i)] = wire(seen.slots[i]);
    return json{{"class_name", "ArraysCache"},
                {"slot_count", seen.slots.size()},
                {"slots", slots},
                {"left_padding", wire_rows(seen.left_padding)},
                {"lengths", nullptr}};
  });
  // Next: class_name, batch_size, state, set_state, meta_state, ... one server.on() each.

  // A place for each other kind of cache that you have. The operations of a kind have its name in
  // front: begin with kv.new, kv.update_and_fetch, kv.offset and kv.snapshot. docs/protocol.md of
  // the suite has them all. What stays empty is a declared gap.
  // - kv: all tokens, in buffers that grow
  // - rotating: a window of tokens
  // - quantized: packed keys and values
  // - chunked: drops its front in chunks
  // - concatenate: joins what comes
  // - batch_kv: rows with padding
  // - batch_rotating: rows with padding in a window
  // - list: several caches of one layer (list.new, list.child)
  // - prompt: the caches of all layers (prompt.trim_prompt_cache)

  server.serve();
}
