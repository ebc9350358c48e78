// Guesses whether a body is CSV. Log lines and sentences hold commas too, so a header needs
// names that columns can have, and rows that all have as many fields. In doubt the body is
// text: every line of a text is stored, while CSV loses its first line and rows that don't fit.
#pragma once

#include <string_view>

namespace weir {

/// `head` begins with the first row. `cut`: the body goes on after `head`.
bool looks_like_csv(std::string_view head, bool cut, char delimiter);

} // namespace weir
