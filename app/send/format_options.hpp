// FORMAT OPTIONS: what the command line says a file is.
#pragma once

#include "records/formats/media_type.hpp"

#include <optional>

namespace weir {

struct format_options {
  std::optional<body_format> format; ///< nothing: the first bytes decide
  std::optional<char> csv_delimiter;
  std::optional<bool> csv_header; ///< false: there is none

  csv_dialect dialect(csv_dialect of_stream) const noexcept {
    return media_type{.csv_delimiter = csv_delimiter, .csv_header = csv_header}.dialect(
      of_stream);
  }
};

} // namespace weir
