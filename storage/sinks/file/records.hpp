// The lines of the file sink: how one is written, how a directory of them is read back.
#pragma once

#include "storage/files/file_system.hpp"
#include "storage/sink/lines.hpp"
#include "storage/sink/sink.hpp"
#include "storage/sqlite/schema.hpp"
#include "storage/sqlite/sqlite.hpp"

#include <optional>

namespace weir {

/// Application id "WeiF", version 1: cursor, batch_keys, and files(first, length,
/// created_at): first sequence, committed bytes, unix microseconds.
const sqlite::schema& file_sink_schema();

/// One row of `files`.
struct record_file {
  uint64_t first = 0;
  uint64_t length = 0;
  int64_t created_at_us = 0;
};

/// records-<20 digits>.ndjson, so that names sort as the records do.
std::string record_file_name(uint64_t first);
/// The number in such a name; none for any other name.
std::optional<uint64_t> parse_record_file_name(std::string_view name);

/// Ordered by first.
result<std::vector<record_file>> list_record_files(sqlite::connection& db);

/// Takes a line apart, without its newline; none if append_lines() cannot have written it.
std::optional<stored_record> parse_line(std::string_view line);

/// Visits the committed lines with `after` < id <= `last`. Missing files are skipped.
result<void> each_line(sqlite::connection& db, file_system& files,
                       const std::string& directory, uint64_t after, uint64_t last,
                       const std::function<bool(const stored_record&)>& visit);

} // namespace weir
