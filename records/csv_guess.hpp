// Whether a body looks like CSV. Commas occur in log lines, too: a header is told by names
// that can be those of columns, and by a second row that has as many fields.
#pragma once

#include <string_view>

namespace weir {

/// `head` begins with the first row. `cut`: the body goes on behind it.
bool looks_like_csv(std::string_view head, bool cut);

} // namespace weir
