#include "wire.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

#include "mlx/ops.h"

namespace mx = mlx::core;

namespace wire {
namespace {

constexpr std::array dtypes{
    std::pair{"bool", mx::bool_},       std::pair{"uint8", mx::uint8},
    std::pair{"uint16", mx::uint16},    std::pair{"uint32", mx::uint32},
    std::pair{"uint64", mx::uint64},    std::pair{"int8", mx::int8},
    std::pair{"int16", mx::int16},      std::pair{"int32", mx::int32},
    std::pair{"int64", mx::int64},      std::pair{"float16", mx::float16},
    std::pair{"float32", mx::float32},  std::pair{"float64", mx::float64},
    std::pair{"bfloat16", mx::bfloat16}};

}  // namespace

mx::array array_of(const conformance::Tensor& tensor) {
  const auto* entry = std::ranges::find(dtypes, tensor.dtype, [](const auto& e) { return e.first; });
  mx::Shape shape;
  for (const auto size : tensor.shape) shape.push_back(static_cast<mx::ShapeElem>(size));
  auto* data = std::malloc(std::max<std::size_t>(tensor.bytes.size(), 1));
  if (data == nullptr) throw std::bad_alloc();
  if (!tensor.bytes.empty()) std::memcpy(data, tensor.bytes.data(), tensor.bytes.size());
  return mx::array(data, std::move(shape), entry->second, std::free);
}

std::vector<mx::array> arrays_of(const std::vector<conformance::Tensor>& tensors) {
  std::vector<mx::array> arrays;
  for (const auto& tensor : tensors) arrays.push_back(array_of(tensor));
  return arrays;
}

conformance::json json_of(const mx::array& array) {
  const auto* entry =
      std::ranges::find(dtypes, array.dtype().val(), [](const auto& e) { return e.second.val(); });
  if (entry == dtypes.end())
    throw conformance::Failure(conformance::Code::adapter_bug, "a dtype without a name");
  auto flat = mx::contiguous(array);
  flat.eval();
  const auto* bytes = flat.data<std::uint8_t>();
  return encode(conformance::Tensor{entry->first,
                                    {array.shape().begin(), array.shape().end()},
                                    {bytes, bytes + flat.nbytes()}});
}

conformance::json json_of(const std::vector<mx::array>& arrays) {
  auto list = conformance::json::array();
  for (const auto& array : arrays) list.push_back(json_of(array));
  return list;
}

conformance::json json_of(const std::optional<std::vector<std::int32_t>>& rows) {
  if (!rows) return nullptr;
  return json_of(mx::array(rows->begin(), {static_cast<int>(rows->size())}, mx::int32));
}

}  // namespace wire
