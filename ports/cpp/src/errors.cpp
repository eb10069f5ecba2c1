#include "errors.hpp"

#include <algorithm>

namespace slot_cache {

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string quoted(text.substr(0, longest));
  // Cutting may leave part of a character, which would be no text any more.
  std::ranges::replace_if(
      quoted, [](char c) { return c < ' ' || c > '~'; }, '?');
  if (text.size() > longest) quoted += "... (" + std::to_string(text.size()) + " bytes)";
  return quoted;
}

}  // namespace slot_cache
