// What the formats share whose records are lines.
#pragma once

#include "records/formats/frame_scanner.hpp"

namespace weir {

/// Which lines are no records, beside the empty one.
enum class blank_line : uint8_t { empty, white_space };

std::unique_ptr<frame_scanner> make_line_scanner(blank_line skipped,
                                                 const framing_limits& limits);

} // namespace weir
