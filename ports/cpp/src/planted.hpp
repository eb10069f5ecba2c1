// Mistakes that real ports made, built in on request (`make port-cpp-planted`) so that the suite
// can be seen to catch them. 0, the default, is not one of them.
#pragma once

#ifndef PLANTED_BUG
#define PLANTED_BUG 0
#endif

namespace slot_cache {

enum class Bug {
  none = 0,
  compacting_restore = 1,  // a sparse cache comes back with its slots moved to the front
  half_restore = 2,        // metadata that is refused has already changed the left padding
  lengths_first = 3,       // the mask is made of lengths although left padding is set
  copy_forgets_lengths = 4,
  lenient_numbers = 5,  // blanks around a number are accepted
  // Right answers all the same: only the sanitizers see these (`make port-cpp-sanitized`).
  read_past_the_end = 6,
  signed_overflow = 7,
  leak = 8,
};

constexpr bool planted(Bug bug) { return bug == Bug{PLANTED_BUG}; }

}  // namespace slot_cache
