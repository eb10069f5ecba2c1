#include "parse.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "errors.hpp"
#include "planted.hpp"

namespace slot_cache {

template <typename T>
Scanned<T> scan_integer(std::string_view text) {
  if (text.empty()) return "Empty";
  if (planted(Bug::lenient_numbers))
    while (!text.empty() && (text.front() == ' ' || text.back() == ' '))
      text.front() == ' ' ? text.remove_prefix(1) : text.remove_suffix(1);
  const bool negative = std::is_signed_v<T> && text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty()) return "InvalidDigit";
  T value = 0;
  for (const char character : text) {
    if (character < '0' || character > '9') return "InvalidDigit";
    const T digit = static_cast<T>(character - '0');
    if (__builtin_mul_overflow(value, T{10}, &value) ||
        (negative ? __builtin_sub_overflow(value, digit, &value)
                  : __builtin_add_overflow(value, digit, &value)))
      return negative ? "NegOverflow" : "PosOverflow";
  }
  return value;
}

template <typename T>
T parse_integer(std::string_view text, const std::string& context, const char* input_kind) {
  const auto scanned = scan_integer<T>(text);
  if (const auto* cause = std::get_if<const char*>(&scanned))
    throw Parse(context, input_kind, *cause);
  return std::get<T>(scanned);
}

template <typename T>
std::vector<T> parse_csv(std::string_view text, const char* context, const char* input_kind,
                         std::size_t max_elems) {
  std::vector<T> values;
  if (text.empty()) return values;
  const auto observed = static_cast<std::size_t>(std::ranges::count(text, ',')) + 1;
  if (observed > max_elems) throw CapExceeded(context, "max_elems", max_elems, observed);
  values.reserve(observed);
  while (true) {
    const auto comma = text.find(',');
    values.push_back(parse_integer<T>(text.substr(0, comma), context, input_kind));
    if (comma == std::string_view::npos) return values;
    text.remove_prefix(comma + 1);
  }
}

template Scanned<std::uint64_t> scan_integer(std::string_view);
template std::uint64_t parse_integer(std::string_view, const std::string&, const char*);
template std::vector<std::uint64_t> parse_csv(std::string_view, const char*, const char*, std::size_t);
template std::vector<std::int32_t> parse_csv(std::string_view, const char*, const char*, std::size_t);

}  // namespace slot_cache
