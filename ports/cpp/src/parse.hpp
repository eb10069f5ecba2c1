// Integers from untrusted text: digits and at most one sign, nothing else, every overflow noticed.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "errors.hpp"
#include "planted.hpp"

namespace slot_cache {

// '+' is a sign for every type, '-' for signed ones. Throws Parse. Overflow is reported when it
// happens before the first character that is no digit.
template <typename T>
T parse_integer(std::string_view text, const char* context, const char* input_kind) {
  if (text.empty()) throw Parse(context, input_kind, "Empty");
  if (planted(Bug::lenient_numbers))
    while (!text.empty() && (text.front() == ' ' || text.back() == ' '))
      text.front() == ' ' ? text.remove_prefix(1) : text.remove_suffix(1);
  const bool negative = std::is_signed_v<T> && text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty()) throw Parse(context, input_kind, "InvalidDigit");
  T value = 0;
  for (const char character : text) {
    if (character < '0' || character > '9') throw Parse(context, input_kind, "InvalidDigit");
    const T digit = static_cast<T>(character - '0');
    if (__builtin_mul_overflow(value, T{10}, &value) ||
        (negative ? __builtin_sub_overflow(value, digit, &value)
                  : __builtin_add_overflow(value, digit, &value)))
      throw Parse(context, input_kind, negative ? "NegOverflow" : "PosOverflow");
  }
  return value;
}

// Integers joined by commas; no text is no integers. The items are counted, and refused with
// CapExceeded, before one is parsed or memory is taken for them.
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

}  // namespace slot_cache
