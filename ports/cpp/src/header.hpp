// The header of a safetensors file, checked while it is parsed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace slot_cache {

struct TensorInfo {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes within the data
};

using Header = std::map<std::string, TensorInfo>;

// The tensors that a header announces. BadContainer where it is not of the two forms that a header
// has, or names a thing twice; TooLarge for more keys or axes than a file may have. The table of
// texts is checked and left to MLX, which reads it anyway.
Header parse_header(std::string_view text);

// BadContainer unless the tensors lie one after the other in `size` bytes of data, each with the
// bytes of its dtype and shape.
void check_layout(const Header& header, std::uint64_t size);

}  // namespace slot_cache
