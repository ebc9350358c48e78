// SNIFF: guesses the format of a body without a Content-Type.
#pragma once

#include "proto/batch.hpp"

#include <cstddef>
#include <string_view>

namespace weir {

/// sniff() needs this many bytes of a body, or all of it.
inline constexpr size_t sniff_bytes_min = 4096;

/// Asks each format whether the first bytes of a body fit it, the surest first. A guess loses
/// nothing: in doubt the body is text, which stores every line. So it is the first of these:
///   json_seq an RS and an object after it
///   json    an object (or what was meant to be one: a key follows its brace) that is the
///           whole body or spans lines
///   ndjson  such an object, when more lines begin with a brace than do not
///   json    an array: `[`, values with commas between, and `]` with nothing after it, as
///           far as the bytes go
///   csv     a first row of two fields or more that may be the names of columns (well
///           quoted; none empty, there twice, a figure, a time or prose, with a = or in
///           brackets), and then at least one row, all rows with as many fields
///   text    all else
/// One object on one line is ndjson once a line end follows it, which frames it alike and
/// lets more follow.
body_format sniff(std::string_view head, char delimiter = ',');

/// True if a body of a format that was guessed, not named, may turn out not to be of it, so that
/// the last resort reads it.
bool may_be_mistaken(body_format sniffed);

} // namespace weir
