// Whether a body looks like CSV. Commas occur in log lines and in sentences, too: a header is
// told by names that can be those of columns, and by rows that all have as many fields. As
// text every line is stored, as CSV the first is not, nor are rows that do not fit: in doubt it
// is text.
#pragma once

#include <string_view>

namespace weir {

/// `head` begins with the first row. `cut`: the body goes on behind it.
bool looks_like_csv(std::string_view head, bool cut, char delimiter);

} // namespace weir
