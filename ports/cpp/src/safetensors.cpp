#include "safetensors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "header.hpp"
#include "mlx/io.h"
#include "mlx/transforms.h"

namespace mx = mlx::core;

namespace slot_cache {
namespace {

FileIo failure(const std::string& path, const char* op) {
  return {path, op, std::strerror(errno)};
}

// One open file for the check and for MLX, so that both see the same one.
class File final : public mx::io::Reader {
 public:
  // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
  explicit File(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (descriptor_ < 0) throw failure(path, "open");
    struct stat status {};
    const bool known = ::fstat(descriptor_, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      if (!known) throw failure(path, "stat");
      throw BadContainer("file", "is not a regular file");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~File() override { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::uint64_t size() const { return size_; }
  // Whether all that was asked for was there; MLX cannot be told from its threads.
  bool complete() const { return complete_; }

  bool is_open() const override { return true; }
  bool good() const override { return complete_; }
  std::size_t tell() override { return position_; }
  void seek(std::int64_t offset, std::ios_base::seekdir way) override {
    const auto from = way == std::ios_base::beg   ? 0
                      : way == std::ios_base::cur ? static_cast<std::int64_t>(position_)
                                                  : static_cast<std::int64_t>(size_);
    position_ = static_cast<std::size_t>(from + offset);
  }
  void read(char* data, std::size_t count) override {
    read(data, count, position_);
    position_ += count;
  }
  void read(char* data, std::size_t count, std::size_t offset) override {
    while (count > 0) {
      const auto got = ::pread(descriptor_, data, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        std::memset(data, 0, count);
        complete_ = false;
        return;
      }
      data += got;
      count -= static_cast<std::size_t>(got);
      offset += static_cast<std::size_t>(got);
    }
  }
  std::string label() const override { return path_; }

 private:
  std::string path_;
  int descriptor_;
  std::uint64_t size_ = 0;
  std::size_t position_ = 0;
  std::atomic<bool> complete_ = true;
};

void check(File& file) {
  constexpr std::uint64_t prefix = 8;
  if (file.size() < prefix)
    throw BadContainer("file", "is " + std::to_string(file.size()) +
                                   " bytes long; 8 bytes of header length come first");
  unsigned char bytes[prefix];
  file.read(reinterpret_cast<char*>(bytes), prefix, 0);
  std::uint64_t length = 0;
  for (auto i = prefix; i-- > 0;) length = length << 8U | bytes[i];
  if (length > file.size() - prefix)
    throw BadContainer("header", "claims " + std::to_string(length) + " bytes where the file has " +
                                     std::to_string(file.size() - prefix));
  if (length > max_header_bytes)
    throw TooLarge("header", "MAX_HEADER_BYTES", max_header_bytes, length);
  std::string text(length, '\0');
  file.read(text.data(), length, prefix);
  check_layout(parse_header(text), file.size() - prefix - length);
}

}  // namespace

Flat read_safetensors(const std::string& path) {
  const auto file = std::make_shared<File>(path);
  check(*file);
  auto [tensors, metadata] = mx::load_safetensors(file);
  std::vector<mx::array> pending;
  for (const auto& entry : tensors) pending.push_back(entry.second);
  mx::eval(pending);
  if (!file->complete()) throw BadContainer("file", "became shorter while it was read");
  return {{tensors.begin(), tensors.end()}, {metadata.begin(), metadata.end()}};
}

void write_safetensors(const std::string& path, const Flat& flat) {
  // MLX appends an extension to a path that has none; a writer of one's own leaves it alone.
  const auto part = path + ".part-" + std::to_string(::getpid());
  try {
    const auto writer = std::make_shared<mx::io::FileWriter>(part);
    mx::save_safetensors(writer, {flat.tensors.begin(), flat.tensors.end()},
                         {flat.metadata.begin(), flat.metadata.end()});
  } catch (const std::exception& error) {
    ::unlink(part.c_str());
    throw FileIo(path, "write", error.what());
  }
  if (::rename(part.c_str(), path.c_str()) != 0) {
    const auto problem = failure(path, "rename");
    ::unlink(part.c_str());
    throw problem;
  }
}

}  // namespace slot_cache
