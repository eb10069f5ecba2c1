// Integers from untrusted text: digits and at most one sign, nothing else, every overflow noticed.
// For std::uint64_t, and lists of std::int32_t too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace slot_cache {

// A number, or why a text is none: Empty, InvalidDigit, PosOverflow or NegOverflow.
template <typename T>
using Scanned = std::variant<T, const char*>;

// '+' is a sign for every type, '-' for signed ones. Overflow is reported when it happens before
// the first character that is no digit.
template <typename T>
Scanned<T> scan_integer(std::string_view text);

// The same where the text must be a number. Throws Parse.
template <typename T>
T parse_integer(std::string_view text, const std::string& context, const char* input_kind);

// Integers joined by commas; no text is no integers. The items are counted, and refused with
// CapExceeded, before one is parsed or memory is taken for them.
template <typename T>
std::vector<T> parse_csv(std::string_view text, const char* context, const char* input_kind,
                         std::size_t max_elems);

}  // namespace slot_cache
