// PAIR PARSER: reads `level=info msg="two words" cached` (logfmt), and its relatives with other
// marks.
#pragma once

#include "records/transform/parsed_fields.hpp"

namespace weir::steps {

struct pair_marks {
  char delimiter = ' '; ///< between pairs; a space stands for any white space
  char separator = '='; ///< between key and value
};

/// Values are strings. A value may stand in double quotes, with the escapes of JSON; a key
/// without a separator is true. A text fails without any separator, with an empty key, an open
/// quote, text after a closing quote, or more than parsed_fields_max pairs.
parsed_text read_pairs(std::string_view text, pair_marks marks, step_run& run);

} // namespace weir::steps
