// PAIR PARSER: `level=info msg="two words" cached` (logfmt), and its relatives with other
// marks.
#pragma once

#include "records/transform/parsed_fields.hpp"

namespace weir::steps {

struct pair_marks {
  char delimiter = ' '; ///< between pairs; a space stands for any white space
  char separator = '='; ///< between key and value
};

/// Values are strings; a value may stand in double quotes, with \" \\ \n \r \t; a key
/// without a separator is true. Not of the format: no separator at all, an empty key, an
/// open quote, more than parsed_fields_max pairs.
parsed_text read_pairs(std::string_view text, pair_marks marks, step_run& run);

} // namespace weir::steps
