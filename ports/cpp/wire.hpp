// MLX arrays in the protocol's terms.
#pragma once

#include <vector>

#include "mlx/array.h"
#include "skeleton/protocol.hpp"

namespace wire {

// The array with the bits of a tensor, which decoding has checked.
mlx::core::array array_of(const conformance::Tensor& tensor);
std::vector<mlx::core::array> arrays_of(const std::vector<conformance::Tensor>& tensors);

// The bits of an array, evaluated. conformance::Failure for a dtype without a name on the wire.
conformance::json json_of(const mlx::core::array& array);
conformance::json json_of(const std::vector<mlx::core::array>& arrays);
// Left padding and lengths travel as int32 tensors, and as null while they are unset.
conformance::json json_of(const std::optional<std::vector<std::int32_t>>& rows);

}  // namespace wire
