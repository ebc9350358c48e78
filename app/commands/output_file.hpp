// OUTPUT FILE: buffered writing to a descriptor, for output that may be large or cut
// short by its reader.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

class output_file {
 public:
  static constexpr size_t buffer_bytes = size_t{256} << 10;

  /// Does not own `fd`, which blocks.
  explicit output_file(int fd);
  ~output_file();
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  /// False once writing has failed.
  bool write(std::string_view text);
  bool flush();

  /// True if the failure was that nobody reads any more (EPIPE).
  bool reader_gone() const noexcept;
  std::string failure() const;

 private:
  int fd_;
  int error_ = 0;
  std::string buffer_;
};

} // namespace weir
