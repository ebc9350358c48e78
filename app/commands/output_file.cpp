#include "app/commands/output_file.hpp"

#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace weir {

output_file::output_file(int fd) : fd_(fd) {
  buffer_.reserve(buffer_bytes);
}

output_file::~output_file() {
  flush();
}

bool output_file::write(std::string_view text) {
  if (buffer_.size() + text.size() > buffer_bytes)
    flush();
  if (error_ == 0)
    buffer_ += text;
  return error_ == 0;
}

bool output_file::flush() {
  std::string_view rest = buffer_;
  while (error_ == 0 && !rest.empty()) {
    const auto written = ::write(fd_, rest.data(), rest.size());
    if (written > 0)
      rest.remove_prefix(static_cast<size_t>(written));
    else if (errno != EINTR)
      error_ = errno;
  }
  buffer_.clear();
  return error_ == 0;
}

bool output_file::reader_gone() const noexcept {
  return error_ == EPIPE;
}

std::string output_file::failure() const {
  return std::generic_category().message(error_);
}

} // namespace weir
