#include "header.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "errors.hpp"
#include "safetensors.hpp"

namespace slot_cache {
namespace {

using json = nlohmann::json;

constexpr std::string_view table = "__metadata__";

// Follows the parser through the header. A general JSON value would be built whole before anybody
// could look at it, and would keep one of two equal keys.
class Scanner final : public nlohmann::json_sax<json> {
 public:
  Header take() { return std::move(tensors_); }

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) return enter(Place::top);
    if (place_ == Place::value && key_ == table) return enter(Place::texts);
    if (place_ == Place::value) return enter(Place::tensor);
    throw unexpected("an object");
  }

  bool key(std::string& name) override {
    if (place_ == Place::top) {
      if (!seen_.insert(name).second) throw BadContainer(name, "stands twice");
      if (seen_.size() > max_keys) throw TooLarge("header", "MAX_KEYS", max_keys, seen_.size());
      key_ = name;
      if (name != table) info_ = TensorInfo{};
      return enter(Place::value);
    }
    if (place_ == Place::texts) {
      if (!texts_.insert(name).second) throw BadContainer(name, "stands twice");
      if (texts_.size() > max_keys) throw TooLarge("header", "MAX_KEYS", max_keys, texts_.size());
      text_ = name;
      return true;
    }
    field_ = std::ranges::find(fields, name) - fields.begin();
    if (field_ == std::ssize(fields) || std::exchange(given_[static_cast<std::size_t>(field_)], true))
      throw BadContainer(key_, "has the field " + shown(name) + " too much");
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::texts) return true;
    if (place_ != Place::tensor || field_ != 0) throw unexpected("a text");
    info_.dtype = std::move(text);
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || field_ == 0) throw unexpected("a list");
    numbers_.clear();
    return enter(Place::list);
  }

  bool number_unsigned(json::number_unsigned_t value) override {
    if (place_ != Place::list) throw unexpected("a number");
    if (numbers_.size() == max_rank) throw TooLarge(key_, "MAX_RANK", max_rank, max_rank + 1);
    numbers_.push_back(value);
    return true;
  }

  bool end_array() override {
    if (field_ == 1) {
      info_.shape = numbers_;
    } else if (numbers_.size() == 2) {
      info_.begin = numbers_[0];
      info_.end = numbers_[1];
    } else {
      throw BadContainer(key_, "data_offsets must be two numbers");
    }
    return enter(Place::tensor);
  }

  bool end_object() override {
    if (place_ == Place::top) return enter(Place::outside);
    if (place_ == Place::tensor) {
      if (std::ranges::count(given_, true) != std::ssize(given_))
        throw BadContainer(key_, "must have dtype, shape and data_offsets");
      given_.fill(false);
      tensors_.emplace(key_, std::move(info_));
    }
    return enter(Place::top);
  }

  bool null() override {
    if (place_ == Place::value && key_ == table) return enter(Place::top);  // as mlx writes no texts
    throw unexpected("null");
  }
  bool boolean(bool) override { throw unexpected("a truth value"); }
  bool number_integer(json::number_integer_t) override { throw unexpected("a negative number"); }
  bool number_float(json::number_float_t, const std::string&) override {
    throw unexpected("a number that is not a plain whole one");
  }
  bool binary(json::binary_t&) override { throw unexpected("binary data"); }

  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    throw BadContainer("header", "is not JSON in UTF-8 at byte " + std::to_string(at));
  }

 private:
  enum class Place { outside, top, value, texts, tensor, list };
  static constexpr std::array<std::string_view, 3> fields{"dtype", "shape", "data_offsets"};

  bool enter(Place place) {
    place_ = place;
    return true;
  }

  BadContainer unexpected(const std::string& what) const {
    if (place_ == Place::outside) return {"header", "must be an object, not " + what};
    if (place_ == Place::texts) return {text_, "must be a text, not " + what};
    return {key_, "has " + what + " where the format has none"};
  }

  Place place_ = Place::outside;
  std::string key_, text_;
  std::ptrdiff_t field_ = 0;
  std::array<bool, 3> given_{};
  std::vector<std::uint64_t> numbers_;
  TensorInfo info_;
  Header tensors_;
  std::set<std::string> seen_, texts_;
};

std::optional<std::uint64_t> item_size(std::string_view dtype) {
  using Entry = std::pair<std::string_view, std::uint64_t>;
  static constexpr std::array sizes{
      Entry{"BOOL", 1}, Entry{"U8", 1},  Entry{"U16", 2},  Entry{"U32", 4}, Entry{"U64", 8},
      Entry{"I8", 1},   Entry{"I16", 2}, Entry{"I32", 4},  Entry{"I64", 8}, Entry{"F16", 2},
      Entry{"BF16", 2}, Entry{"F32", 4}, Entry{"F64", 8}, Entry{"C64", 8}};
  const auto* found = std::ranges::find(sizes, dtype, &Entry::first);
  return found == sizes.end() ? std::nullopt : std::optional(found->second);
}

std::string span(const TensorInfo& info) {
  return "data_offsets [" + std::to_string(info.begin) + ", " + std::to_string(info.end) + "]";
}

void check_size(const std::string& key, const TensorInfo& info, std::uint64_t size) {
  const auto item = item_size(info.dtype);
  if (!item) throw BadContainer(key, "dtype " + shown(info.dtype) + " is unknown");
  if (info.begin > info.end || info.end > size)
    throw BadContainer(key, span(info) + " of " + std::to_string(size) + " bytes");
  auto bytes = *item;
  bool fits = true;
  for (const auto length : info.shape) {
    // MLX counts in int32 and multiplies without looking.
    if (length > std::uint64_t{std::numeric_limits<std::int32_t>::max()})
      throw BadContainer(key, "has an axis of " + std::to_string(length));
    fits = !__builtin_mul_overflow(bytes, length, &bytes) && fits;
  }
  if (!fits || bytes != info.end - info.begin)
    throw BadContainer(key, "its dtype and shape do not take the bytes of its " + span(info));
}

}  // namespace

Header parse_header(std::string_view text) {
  if (!text.starts_with('{')) throw BadContainer("header", "has no { as its first byte");
  Scanner scanner;
  json::sax_parse(text, &scanner);
  return scanner.take();
}

void check_layout(const Header& header, std::uint64_t size) {
  std::vector<const Header::value_type*> order;
  for (const auto& entry : header) {
    check_size(entry.first, entry.second, size);
    order.push_back(&entry);
  }
  std::ranges::sort(order, {}, [](const auto* entry) {
    return std::pair(entry->second.begin, entry->second.end);
  });
  std::uint64_t position = 0;
  for (const auto* entry : order) {
    if (entry->second.begin != position)
      throw BadContainer(entry->first,
                         span(entry->second) + (entry->second.begin < position
                                                    ? " overlaps the tensor before it"
                                                    : " leaves a gap"));
    position = entry->second.end;
  }
  if (position != size)
    throw BadContainer("data", "has " + std::to_string(size) + " bytes, of which the tensors take " +
                                   std::to_string(position));
}

}  // namespace slot_cache
