// VERSION: what this binary is.
#pragma once

#include <string>

namespace weir {

/// `0.1.0`, or what `git describe` said when it was built.
std::string version_text();

/// `weir 0.1.0`, compiler and libraries, one a line.
std::string version_report();

} // namespace weir
