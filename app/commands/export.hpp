// EXPORT: prints every durable record, one JSON object a line, also while no node runs.
#pragma once

#include "app/commands/cli.hpp"

#include <cstdint>
#include <iosfwd>
#include <string>

namespace weir {

struct exported; // storage/export.hpp

struct export_command_options {
  std::string stream;           ///< empty: all
  int64_t since_us = 0;         ///< received at or after, unix microseconds
  int64_t until_us = INT64_MAX; ///< received before
  uint64_t limit = UINT64_MAX;  ///< records
  bool meta = false; ///< `{"id":…,"stream":…,"received_at":…,"batch":…,"body":…}`
};

/// Writes to descriptor `fd`. A reader that goes away ends it quietly, with exit_ok.
int command_export(const config& settings, const export_command_options& options, int fd,
                   std::ostream& err);

/// Appends one line for `record`.
void append_exported(std::string& out, const exported& record, bool meta);

} // namespace weir
