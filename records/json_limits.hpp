// JSON LIMITS: what is refused though RFC 8259 allows it: values nested too deep. Readers stop
// there without saying so; this looks for it in what they refused.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

/// More than `levels` arrays and objects are open at once. Of text that is no JSON, the
/// brackets outside of strings count.
bool nests_deeper(std::string_view json, size_t levels) noexcept;

} // namespace weir
