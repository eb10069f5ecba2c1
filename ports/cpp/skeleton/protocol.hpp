// The wire protocol of mlx-cache-conformance: JSON-RPC 2.0 on stdin and stdout, one message a line.
// Nothing here knows a tensor library or a cache; an adapter registers its operations and serves.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conformance {

using json = nlohmann::json;
inline constexpr int protocol_version = 1;

enum class Code : int {
  refused = 1,         // the implementation said no: `data` has kind and payload
  unknown_cache = 2,   // a handle that nothing has made
  not_json = -32700,
  unknown_operation = -32601,
  invalid_arguments = -32602,
  adapter_bug = -32603,
};

// What ends an operation without a result.
struct Failure : std::runtime_error {
  Failure(Code code, const std::string& message) : std::runtime_error(message), code(code) {}
  Code code;
};

// An error of the implementation itself, by the name and with the fields that it has there.
struct Refusal : Failure {
  Refusal(std::string kind, const std::string& message, json payload = json::object())
      : Failure(Code::refused, message), kind(std::move(kind)), payload(std::move(payload)) {}
  std::string kind;
  json payload;
};

inline Failure unknown_cache(const std::string& handle) {
  return {Code::unknown_cache, "no cache is called '" + handle + "'"};
}

// A tensor as it travels: MLX's dtype name, the shape, little-endian bytes in row-major order.
struct Tensor {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;
};

inline std::size_t item_size(std::string_view dtype) {
  static const std::map<std::string_view, std::size_t> sizes{
      {"bool", 1},  {"uint8", 1},   {"uint16", 2},   {"uint32", 4},  {"uint64", 8},
      {"int8", 1},  {"int16", 2},   {"int32", 4},    {"int64", 8},   {"float16", 2},
      {"float32", 4}, {"float64", 8}, {"bfloat16", 2}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

inline json encode(const Tensor& tensor) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * tensor.bytes.size());
  for (const auto byte : tensor.bytes) {
    hex.push_back(digits[byte >> 4U]);
    hex.push_back(digits[byte & 15U]);
  }
  return {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data", std::move(hex)}};
}

inline int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

inline Tensor decode(const json& value) {
  const auto wrong = [](const std::string& why) {
    return Failure(Code::invalid_arguments, "not a tensor: " + why);
  };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data") || !value["dtype"].is_string() || !value["shape"].is_array() ||
      !value["data"].is_string())
    throw wrong(R"(it is {"dtype": name, "shape": [sizes], "data": hex})");
  Tensor tensor{value["dtype"], {}, {}};
  auto count = item_size(tensor.dtype);
  if (count == 0) throw wrong("no dtype is called " + tensor.dtype);
  for (const auto& size : value["shape"]) {
    // MLX counts in int32, which also keeps the product below from wrapping unseen.
    if (!size.is_number_unsigned() || size > std::numeric_limits<std::int32_t>::max())
      throw wrong("a shape is a list of whole numbers");
    tensor.shape.push_back(size);
    if (__builtin_mul_overflow(count, size.get<std::size_t>(), &count)) throw wrong("too large");
  }
  const auto& hex = value["data"].get_ref<const std::string&>();
  if (hex.size() % 2 != 0 || hex.size() / 2 != count)
    throw wrong("data does not have the bytes of its dtype and shape");
  tensor.bytes.reserve(count);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
    if (high < 0 || low < 0) throw wrong("data is not lower-case hex");
    tensor.bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return tensor;
}

// The arguments of one operation. Whatever is missing or of another type is an invalid argument.
class Arguments {
 public:
  explicit Arguments(const json& values) : values_(values) {}

  const json& at(const char* name) const {
    if (!values_.contains(name))
      throw Failure(Code::invalid_arguments, std::string("the argument ") + name + " is missing");
    return values_[name];
  }

  std::string text(const char* name) const {
    const auto& value = at(name);
    if (!value.is_string()) throw invalid(name, "a string");
    return value;
  }

  // An integer of type T; one that T cannot hold is the implementation's refusal, not a bad request.
  template <typename T>
  T integer(const char* name) const {
    return number<T>(name, at(name));
  }

  template <typename T>
  std::vector<T> integers(const char* name) const {
    std::vector<T> result;
    for (const auto& item : list(name)) result.push_back(number<T>(name, item));
    return result;
  }

  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> result;
    for (const auto& item : list(name)) {
      if (!item.is_string()) throw invalid(name, "a list of strings");
      result.push_back(item);
    }
    return result;
  }

  Tensor tensor(const char* name) const { return decode(at(name)); }

  std::vector<Tensor> tensors(const char* name) const {
    std::vector<Tensor> result;
    for (const auto& item : list(name)) result.push_back(decode(item));
    return result;
  }

  bool is_null(const char* name) const { return !values_.contains(name) || values_[name].is_null(); }

 private:
  const json& list(const char* name) const {
    const auto& value = at(name);
    if (!value.is_array()) throw invalid(name, "a list");
    return value;
  }

  template <typename T>
  static T number(const char* name, const json& value) {
    if (!value.is_number()) throw invalid(name, "an integer");
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<std::uint64_t>())
                      : value.is_number_integer() && std::in_range<T>(value.get<std::int64_t>());
    if (!fits)
      throw Refusal("OutOfRange", std::string(name) + " does not fit its type: " + value.dump(),
                    {{"context", name}, {"requirement", "must fit"}, {"value", value.dump()}});
    return value.get<T>();
  }

  static Failure invalid(const char* name, const char* wanted) {
    return {Code::invalid_arguments, std::string(name) + " must be " + wanted};
  }

  const json& values_;
};

// Registered operations, which are also what the handshake declares, and the loop that serves them.
class Server {
 public:
  using Operation = std::function<json(const Arguments&)>;
  // Turns an exception of the implementation into a refusal, if it knows it.
  using Translate = std::function<std::optional<Refusal>(const std::exception&)>;

  Server(json implementation, std::string dialect, std::function<void()> reset, Translate translate)
      : implementation_(std::move(implementation)),
        dialect_(std::move(dialect)),
        reset_(std::move(reset)),
        translate_(std::move(translate)) {}

  void on(const std::string& name, Operation operation) {
    operations_[name] = std::move(operation);
  }

  // Answers until `shutdown` or the end of input. What the implementation prints goes to stderr.
  void serve() {
    std::FILE* out = ::fdopen(::dup(STDOUT_FILENO), "w");
    if (out == nullptr || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
      throw std::runtime_error("stdout cannot be set aside for the protocol");
    std::ios::sync_with_stdio(false);
    for (std::string line; !stopping_ && std::getline(std::cin, line);) {
      const auto reply = reply_to(line).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
      std::fwrite(reply.data(), 1, reply.size(), out);
      std::fflush(out);
    }
    std::fclose(out);
  }

 private:
  json reply_to(const std::string& line) {
    const auto message = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (message.is_discarded()) return failed(nullptr, {Code::not_json, "not JSON"});
    if (!message.is_array()) return answer(message);
    auto replies = json::array();
    for (const auto& request : message) replies.push_back(answer(request));
    return replies;
  }

  json answer(const json& request) {
    json id = nullptr;
    try {
      if (!request.is_object() || !request.contains("method") || !request["method"].is_string())
        throw Failure(Code::invalid_arguments, "not a JSON-RPC request");
      if (request.contains("id")) id = request["id"];
      const auto params = request.contains("params") ? request["params"] : json::object();
      return {{"jsonrpc", "2.0"}, {"id", id}, {"result", perform(request["method"], params)}};
    } catch (const Failure& failure) {
      const auto* refusal = dynamic_cast<const Refusal*>(&failure);
      return refusal != nullptr ? refused(id, *refusal) : failed(id, failure);
    } catch (const std::bad_alloc&) {
      return refused(id, {"OutOfMemory", "out of memory"});
    } catch (const std::exception& error) {
      return refused(id, translate_(error).value_or(Refusal("exception", error.what())));
    }
  }

  json perform(const std::string& name, const json& params) {
    if (!params.is_object()) throw Failure(Code::invalid_arguments, "params must be an object");
    if (name == "initialize") return handshake(params);
    if (name == "reset") return reset_(), nullptr;
    if (name == "shutdown") return stopping_ = true, nullptr;
    const auto found = operations_.find(name);
    if (found == operations_.end())
      throw Failure(Code::unknown_operation, "no operation " + name);
    return found->second(Arguments(params));
  }

  json handshake(const json& params) const {
    const int asked = params.value("protocol", protocol_version);
    if (asked != protocol_version)
      throw Failure(Code::invalid_arguments,
                    "protocol 1 is spoken here, not " + std::to_string(asked));
    auto names = json::array();
    for (const auto& operation : operations_) names.push_back(operation.first);
    return {{"protocol", protocol_version},
            {"implementation", implementation_},
            {"dialect", dialect_},
            {"capabilities", names}};
  }

  static json failed(const json& id, const Failure& failure) {
    const json error{{"code", failure.code}, {"message", failure.what()}};
    return {{"jsonrpc", "2.0"}, {"id", id}, {"error", error}};
  }

  static json refused(const json& id, const Refusal& refusal) {
    auto reply = failed(id, refusal);
    reply["error"]["data"] = {{"kind", refusal.kind}, {"payload", refusal.payload}};
    return reply;
  }

  json implementation_;
  std::string dialect_;
  std::function<void()> reset_;
  Translate translate_;
  std::map<std::string, Operation> operations_;
  bool stopping_ = false;
};

}  // namespace conformance
