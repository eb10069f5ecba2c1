// Safetensors files: MLX reads and writes them, after this has checked what MLX takes on trust.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "errors.hpp"
#include "mlx/array.h"

namespace slot_cache {

// What a whole file may make its reader allocate. Real files stay far below each of these.
inline constexpr std::uint64_t max_header_bytes = std::uint64_t{4} << 20;
inline constexpr std::uint64_t max_keys = std::uint64_t{1} << 14;
inline constexpr std::uint64_t max_rank = 16;

// Tensors by key, and the table of texts that stands beside them.
struct Flat {
  std::map<std::string, mlx::core::array> tensors;
  std::map<std::string, std::string> metadata;
};

// Everything in a file; independent of the file afterwards. MLX reads tensors lazily, on threads
// where a failure ends the process, and believes offsets and shapes. So the header is checked first:
// each key once, each tensor exactly its bytes, no gap and no overlap. BadContainer, TooLarge, or
// FileIo where the system refuses.
Flat read_safetensors(const std::string& path);

// Writes beside the file and renames, so that a file is there whole or not at all. FileIo.
void write_safetensors(const std::string& path, const Flat& flat);

}  // namespace slot_cache
