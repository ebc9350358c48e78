// LINES: records as newline-delimited JSON, for sinks that write text.
//
//   {"id":42,"stream":"web","received_at":1700000000000000,"body":{…}}
#pragma once

#include "proto/journal_frame.hpp"

#include <string>

namespace weir {

/// A line for each record of the frame, numbered as the frame says; received_at in unix
/// microseconds.
void append_lines(std::string& to, const frame_view& frame);

} // namespace weir
