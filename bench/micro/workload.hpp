// What the benchmarks of single stages work on: the stream, the steps and the records that
// bench/run.py sends, and a disk that takes everything and keeps nothing.
#pragma once

#include "bench/load/events.hpp"
#include "proto/batch.hpp"
#include "records/formats/framer.hpp"
#include "records/fuse.hpp"
#include "records/transform.hpp"
#include "records/validate.hpp"
#include "storage/files/file_system.hpp"
#include "storage/journal/journal.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir::bench {

inline constexpr uint32_t batch_records = 500;

inline constexpr std::string_view web_schema = R"({
  "type": "object",
  "required": ["ts", "host", "method", "path", "status"],
  "properties": {
    "ts": {"type": "string", "minLength": 20, "maxLength": 40},
    "host": {"type": "string", "pattern": "^[0-9.]+$"},
    "method": {"enum": ["GET", "POST", "PUT", "DELETE", "HEAD"]},
    "path": {"type": "string", "pattern": "^/[a-z0-9/_.-]*$"},
    "status": {"type": "integer", "minimum": 100, "maximum": 599},
    "bytes": {"type": "integer", "minimum": 0},
    "agent": {"type": "string", "maxLength": 200},
    "duration_ms": {"type": "number", "minimum": 0}
  }
})";
inline constexpr std::string_view web_steps =
  R"([{"rename": {"agent": "user_agent"}}, {"convert": {"field": "duration_ms", "to": "string"}}])";
inline constexpr std::string_view log_steps =
  R"([{"parse": {"field": "message", "as": "combined_log"}}])";

template <class T>
T must(result<T> made) {
  if (!made)
    throw std::runtime_error(made.error().text);
  return std::move(*made);
}

/// Streams `web` (schema and steps), `plain` (neither) and `log` (combined_log).
inline catalog make_catalog() {
  catalog::stream_map streams;
  const auto add = [&](const char* name, bool checked, std::string_view steps) {
    stream_spec spec;
    spec.settings.name = name;
    if (checked)
      spec.check = must(schema::compile(web_schema, "web.json"));
    spec.steps = must(plan::compile(nlohmann::json::parse(steps), name, {}));
    streams.emplace(name, std::move(spec));
  };
  add("web", true, web_steps);
  add("plain", false, "[]");
  add("log", false, log_steps);
  return catalog{std::move(streams)};
}

inline std::string make_body(shape as, uint32_t records = batch_records) {
  std::string body{as == shape::csv ? csv_head : std::string_view{}};
  for (uint32_t i = 0; i < records; ++i)
    append_event(as, 1'000'000 + i, body);
  return body;
}

inline body_format format_of(shape as) noexcept {
  switch (as) {
  case shape::csv:
    return body_format::csv;
  case shape::log:
    return body_format::text;
  case shape::json:
    break;
  }
  return body_format::ndjson;
}

/// A batch as an I/O thread sends it. `key` tells it from others of the journal.
inline batch_ptr make_batch(const char* stream, shape as, uint64_t key = 1) {
  auto source = std::make_shared<envelope>();
  source->id = key;
  source->stream = stream;
  source->received_at_us = 1'700'000'000'000'000;
  source->bytes = make_body(as);
  source->bytes.reserve(source->bytes.size() + text_padding);
  batch_part part;
  part.key = {7, key};
  part.format = format_of(as);
  part.client = "127.0.0.1";
  auto batch = std::make_shared<record_batch>();
  framer frames{part.format, {}};
  if (auto scanned = frames.scan(source->bytes, true, batch_records + 1, batch->records);
      !scanned)
    throw std::runtime_error(scanned.error().text);
  part.header = frames.header();
  part.records = static_cast<uint32_t>(batch->records.size());
  source->parts.push_back(std::move(part));
  batch->text = std::shared_ptr<const std::string>(source, &source->bytes);
  batch->dropped = {0};
  batch->source = std::move(source);
  return batch;
}

/// Succeeds at everything, keeps nothing: what is measured above it is not the disk.
class careless_disk final : public file_system {
  class careless_file final : public file {
   public:
    result<void> write_at(uint64_t, std::span<const std::byte>) override { return {}; }
    result<size_t> read_at(uint64_t, std::span<std::byte>) override { return 0; }
    result<void> sync_data() override { return {}; }
    result<void> allocate(uint64_t) override { return {}; }
    result<void> truncate(uint64_t) override { return {}; }
    result<uint64_t> size() override { return 0; }
  };

 public:
  result<std::unique_ptr<file>> create(const std::string&) override {
    return std::make_unique<careless_file>();
  }
  result<std::unique_ptr<file>> open(const std::string& path, bool) override {
    return fail(ec::io_failed, path + ": nothing is kept");
  }
  result<void> remove(const std::string&) override { return {}; }
  result<void> rename(const std::string&, const std::string&) override { return {}; }
  result<void> make_directory(const std::string&) override { return {}; }
  result<std::vector<std::string>> list(const std::string&) override {
    return std::vector<std::string>{};
  }
  result<void> sync_directory(const std::string&) override { return {}; }
  result<uint64_t> free_bytes(const std::string&) override { return uint64_t{1} << 40; }
};

inline journal_config endless_journal() {
  journal_config config;
  config.directory = "journal";
  config.bytes_max = uint64_t{1} << 60;
  return config;
}

} // namespace weir::bench
