// The numbers that metadata keeps of each class of the key/value family, in their order.
#pragma once

#include <array>
#include <string_view>

namespace slot_cache {

inline constexpr std::array<std::string_view, 4> rotating_numbers{"keep", "max_size", "offset", "idx"};
inline constexpr std::array<std::string_view, 3> quantized_numbers{"offset", "group_size", "bits"};
inline constexpr std::array<std::string_view, 2> chunked_numbers{"chunk_size", "start_position"};

}  // namespace slot_cache
