// CHECK: validates everything a node would start with and prints what it came to. With
// `--dry-run` it also runs a file's records through a stream and prints what would be
// stored.
#pragma once

#include "app/commands/cli.hpp"
#include "app/send/format_options.hpp"
#include "proto/batch.hpp"
#include "records/catalog.hpp"

#include <iosfwd>
#include <optional>
#include <string>

namespace weir {

struct check_options {
  bool connect = false; ///< also ask the sink's server
  std::string dry_run;  ///< a file, `-` for stdin; empty: none
  std::string stream = "default";
  format_options format;
};

/// The configuration is loaded already; compiles its schemas and steps. Errors go to `err`.
int command_check(const config& settings, const check_options& options, std::ostream& out,
                  std::ostream& err);

/// Prints settings, schema and steps of every stream, and where memory goes.
void print_config(const config& settings, const catalog& streams, std::ostream& out);

/// What became of a file's records.
struct dry_run_totals {
  uint64_t stored = 0;
  uint64_t rejected = 0;
  uint64_t dropped = 0;
};

/// Prints one line per record in the file's order, in bounded memory: the JSON that would be
/// stored, or `rejected record 3 line 4 code /pointer detail`, or `dropped record 5 line 6`.
/// Failure: io_failed, malformed_body, body_too_large; what came before it has been printed.
result<dry_run_totals> dry_run(const config& settings, catalog_ptr streams,
                               const check_options& options, std::ostream& out);

} // namespace weir
