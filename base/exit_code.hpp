#pragma once

namespace weir {

/// The exit status of `weir`.
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1,      ///< a failure at run time, or records were refused
  exit_usage = 2,       ///< the command line made no sense
  exit_bad_config = 78, ///< EX_CONFIG of sysexits.h
};

} // namespace weir
