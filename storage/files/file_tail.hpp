// FILE TAIL: what a file has after a place, read in blocks.
#pragma once

#include "storage/files/file_system.hpp"

#include <functional>
#include <string_view>

namespace weir {

/// The file must outlive it and not change meanwhile.
class file_tail {
 public:
  file_tail(file& of, uint64_t from) : file_(of), from_(from) {}

  /// True if the tail and `text` agree over their common length.
  result<bool> starts_as(std::string_view text);
  result<bool> has_line();
  /// Copies the tail to the start of `to`.
  result<void> copy_to(file& to);

 private:
  /// Visits block by block, until `visit` returns false.
  result<void> each(const std::function<result<bool>(std::string_view)>& visit);

  file& file_;
  uint64_t from_;
};

} // namespace weir
