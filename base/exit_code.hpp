#pragma once

namespace weir {

/// What `weir` ends with.
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1,      ///< at run time, or records were refused
  exit_usage = 2,       ///< the command line made no sense
  exit_bad_config = 78, ///< EX_CONFIG of sysexits.h
};

} // namespace weir
