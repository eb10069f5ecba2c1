// Typed errors of the caches: a kind, named fields, and a text for a reader.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace slot_cache {

using Operands = std::map<std::string, std::uint64_t>;
using Field = std::variant<std::string, std::uint64_t, std::vector<int>, Operands>;
using Payload = std::vector<std::pair<std::string, Field>>;

struct CacheError : std::runtime_error {
  CacheError(std::string kind, const std::string& message, Payload payload)
      : std::runtime_error(message), kind(std::move(kind)), payload(std::move(payload)) {}
  std::string kind;
  Payload payload;
};

// A text is not an integer of the wanted type. `cause`: Empty, InvalidDigit, PosOverflow or
// NegOverflow; `input_kind`: usize, CSV<usize> or CSV<i32>.
struct Parse : CacheError {
  Parse(const std::string& context, const std::string& input_kind, const std::string& cause)
      : CacheError("Parse", context + ": not readable as " + input_kind + " (" + cause + ")",
                   {{"context", context}, {"input_kind", input_kind}, {"cause", cause}}) {}
};

// A count is above a limit; raised before anything is allocated for that count.
struct CapExceeded : CacheError {
  CapExceeded(const std::string& context, const std::string& cap_name, std::uint64_t cap,
              std::uint64_t observed)
      : CacheError("CapExceeded",
                   context + ": " + std::to_string(observed) + " is above " + cap_name + " = " +
                       std::to_string(cap),
                   {{"context", context},
                    {"cap_name", cap_name},
                    {"cap", cap},
                    {"observed", observed}}) {}
};

// The request makes no sense for this cache, whatever its numbers are.
struct InvariantViolation : CacheError {
  InvariantViolation(const std::string& context, const std::string& requirement)
      : CacheError("InvariantViolation", context + ": " + requirement,
                   {{"context", context}, {"requirement", requirement}}) {}
};

// An index or another integer lies outside its range.
struct OutOfRange : CacheError {
  OutOfRange(const std::string& context, const std::string& requirement, const std::string& value)
      : CacheError("OutOfRange", context + ": " + requirement + ", got " + value,
                   {{"context", context}, {"requirement", requirement}, {"value", value}}) {}
};

// A tensor has too few axes.
struct RankMismatch : CacheError {
  RankMismatch(const std::string& context, const std::vector<int>& shape)
      : CacheError("RankMismatch", context + ": got rank " + std::to_string(shape.size()),
                   {{"context", context},
                    {"actual", std::uint64_t{shape.size()}},
                    {"actual_shape", shape}}) {}
};

// An operand does not fit the integer type of the computation.
struct ArithmeticOverflow : CacheError {
  ArithmeticOverflow(const std::string& context, const std::string& op_type,
                     const Operands& operands)
      : CacheError("ArithmeticOverflow", context + ": does not fit " + op_type,
                   {{"context", context}, {"op_type", op_type}, {"operands", operands}}) {}
};

// A name is not one of a fixed set.
struct UnknownEnumValue : CacheError {
  UnknownEnumValue(const std::string& context, const std::string& value)
      : CacheError("UnknownEnumValue", context + ": '" + value + "' is not one of them",
                   {{"context", context}, {"value", value}}) {}
};

// A list has another length than it must have.
struct LengthMismatch : CacheError {
  LengthMismatch(const std::string& context, std::uint64_t expected, std::uint64_t actual)
      : CacheError("LengthMismatch",
                   context + ": " + std::to_string(actual) + " instead of " +
                       std::to_string(expected),
                   {{"context", context}, {"expected", expected}, {"actual", actual}}) {}
};

// Text of a file as an error may quote it: printable, and short whatever its length.
std::string shown(std::string_view text);

// A file is no well-formed safetensors file. `key`: what of it, or file, header, data.
struct BadContainer : CacheError {
  BadContainer(const std::string& key, const std::string& reason)
      : CacheError("BadContainer", shown(key) + ": " + reason,
                   {{"key", shown(key)}, {"reason", reason}}) {}
};

// A count of a file is above a limit for whole files; raised before anything is allocated for it.
struct TooLarge : CacheError {
  TooLarge(const std::string& key, const std::string& cap_name, std::uint64_t cap,
           std::uint64_t observed)
      : CacheError("TooLarge",
                   shown(key) + ": " + std::to_string(observed) + " is above " + cap_name + " = " +
                       std::to_string(cap),
                   {{"key", shown(key)},
                    {"cap_name", cap_name},
                    {"cap", cap},
                    {"observed", observed}}) {}
};

// A file has no place for what a cache holds.
struct CannotHold : CacheError {
  CannotHold(const std::string& key, const std::string& reason)
      : CacheError("CannotHold", key + ": " + reason, {{"key", key}, {"reason", reason}}) {}
};

// The system, or MLX on its behalf, refuses to open, read or write a file.
struct FileIo : CacheError {
  FileIo(const std::string& path, const std::string& op, const std::string& reason)
      : CacheError("FileIo", path + ": cannot " + op + ": " + reason,
                   {{"path", path}, {"op", op}, {"reason", reason}}) {}
};

// MLX refuses an operation.
struct MlxOp : CacheError {
  explicit MlxOp(const std::string& message) : CacheError("MlxOp", message, {{"message", message}}) {}
};

// A text has a NUL within it, where only its end may have one.
struct InteriorNul : CacheError {
  InteriorNul(const std::string& context, const std::string& what)
      : CacheError("InteriorNul", context + ": NUL within a " + what,
                   {{"context", context}, {"what", what}}) {}
};

// The same, where mlxrs hands on what mlx-c said of it: writing into a buffer.
struct MlxC : CacheError {
  explicit MlxC(const std::string& message)
      : CacheError("MlxC", message, {{"message", message}}) {}
};

// The shapes of two tensors that belong together differ.
struct ShapePairMismatch : CacheError {
  ShapePairMismatch(const std::string& context, const std::vector<int>& expected,
                    const std::vector<int>& actual)
      : CacheError("ShapePairMismatch", context + ": shapes that do not belong together",
                   {{"context", context}, {"expected", expected}, {"actual", actual}}) {}
};

// A tensor has another dtype than it must have.
struct DtypeMismatch : CacheError {
  DtypeMismatch(const std::string& expected, const std::string& actual)
      : CacheError("DtypeMismatch", actual + " instead of " + expected,
                   {{"expected", expected}, {"actual", actual}}) {}
};

// Memory for the request cannot be had, or is more than this port grants.
struct OutOfMemory : CacheError {
  OutOfMemory() : CacheError("OutOfMemory", "out of memory", {}) {}
};

}  // namespace slot_cache
