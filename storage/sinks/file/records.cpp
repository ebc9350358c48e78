#include "storage/sinks/file/records.hpp"

#include "storage/sink/key_walk.hpp"
#include "storage/sink/state.hpp"

#include <algorithm>
#include <charconv>

namespace weir {

namespace {

constexpr std::string_view name_prefix = "records-";
constexpr std::string_view name_suffix = ".ndjson";
constexpr size_t name_digits = 20;
constexpr size_t read_bytes = size_t{1} << 20;
constexpr size_t line_bytes_max = size_t{1} << 30; ///< a journal frame is never longer

/// Takes `expected` off the front of `text`.
bool skip(std::string_view& text, std::string_view expected) noexcept {
  if (!text.starts_with(expected))
    return false;
  text.remove_prefix(expected.size());
  return true;
}

template <class Integer>
bool take_number(std::string_view& text, Integer& value) noexcept {
  const auto [end, error] =
    std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{})
    return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

} // namespace

const sqlite::schema& file_sink_schema() {
  static const auto tables =
    std::string{"CREATE TABLE files(first INTEGER PRIMARY KEY,"
                " length INTEGER NOT NULL, created_at INTEGER NOT NULL);"}
    + sink_state_tables;
  static const sqlite::schema wanted{0x57656946, 1, "file sink's state", tables.c_str()};
  return wanted;
}

std::string record_file_name(uint64_t first) {
  const auto digits = std::to_string(first);
  return std::string{name_prefix} + std::string(name_digits - digits.size(), '0') + digits
         + std::string{name_suffix};
}

std::optional<uint64_t> parse_record_file_name(std::string_view name) {
  uint64_t first = 0;
  if (name.size() != name_prefix.size() + name_digits + name_suffix.size()
      || !skip(name, name_prefix) || !take_number(name, first) || name != name_suffix)
    return std::nullopt;
  return first;
}

result<std::vector<record_file>> list_record_files(sqlite::connection& db) {
  auto query = db.prepare("list the files",
                          "SELECT first, length, created_at FROM files ORDER BY first");
  if (!query)
    return tl::unexpected(query.error());
  std::vector<record_file> all;
  for (;;) {
    const auto row = query->step();
    if (!row)
      return tl::unexpected(row.error());
    if (!*row)
      return all;
    all.push_back({query->natural(0), query->natural(1), query->integer(2)});
  }
}

std::optional<stored_record> parse_line(std::string_view line) {
  stored_record record;
  if (!skip(line, R"({"id":)") || !take_number(line, record.id)
      || !skip(line, R"(,"stream":")"))
    return std::nullopt;
  record.stream = line.substr(0, line.find('"'));
  line.remove_prefix(record.stream.size());
  if (!skip(line, R"(","received_at":)") || !take_number(line, record.received_at_us)
      || !skip(line, R"(,"body":)") || !line.ends_with('}'))
    return std::nullopt;
  record.body = line.substr(0, line.size() - 1);
  return record;
}

namespace {

/// Reads one file's lines up to its committed length.
class line_reader {
 public:
  line_reader(file& from, std::string path, uint64_t length)
    : from_(from), path_(std::move(path)), length_(length) {}

  /// Empty at the end; views live until the next call.
  result<std::string_view> next() {
    for (;;) {
      const auto rest = std::string_view{buffer_}.substr(at_);
      // Bytes that were searched are not searched again: a long line is not quadratic.
      if (const auto end = rest.find('\n', searched_); end != rest.npos) {
        at_ += end + 1;
        searched_ = 0;
        return rest.substr(0, end);
      }
      searched_ = rest.size();
      if (offset_ == length_)
        return rest.empty() ? result<std::string_view>{} : damaged("ends inside a line");
      if (rest.size() > line_bytes_max)
        return damaged("has a line above 1 GiB");
      if (auto more = fill(); !more)
        return tl::unexpected(more.error());
    }
  }

  tl::unexpected<fault> damaged(const char* what) const {
    return fail(ec::io_failed,
                path_ + ": " + what + " before byte " + std::to_string(offset_)
                  + ": it was changed from outside; move it away to export the rest");
  }

 private:
  result<void> fill() {
    // What is left of the buffer is the beginning of a line.
    buffer_.erase(0, at_);
    at_ = 0;
    const auto had = buffer_.size();
    buffer_.resize(had + std::min<uint64_t>(read_bytes, length_ - offset_));
    const auto got =
      from_.read_at(offset_, std::as_writable_bytes(std::span{buffer_}.subspan(had)));
    if (!got)
      return tl::unexpected(got.error());
    buffer_.resize(had + *got);
    offset_ += *got;
    if (*got == 0)
      return damaged("is shorter than what was committed");
    return {};
  }

  file& from_;
  std::string path_;
  uint64_t length_;
  uint64_t offset_ = 0;
  std::string buffer_;
  size_t at_ = 0;
  size_t searched_ = 0; ///< bytes from at_ on known to hold no newline
};

struct line_walk {
  uint64_t after, last;
  key_walk keys;
  const std::function<bool(const stored_record&)>& visit;
  bool stopped = false;

  result<void> run(line_reader& lines) {
    while (!stopped) {
      const auto line = lines.next();
      if (!line)
        return tl::unexpected(line.error());
      if (line->empty())
        return {};
      auto record = parse_line(*line);
      if (!record)
        return lines.damaged("has a line that weir did not write");
      if (record->id <= after)
        continue;
      auto key = keys.of(record->id);
      if (!key)
        return tl::unexpected(key.error());
      record->batch = *key;
      // Ids rise from line to line and from file to file.
      stopped = record->id > last || !visit(*record);
    }
    return {};
  }
};

} // namespace

result<void> each_line(sqlite::connection& db, file_system& files,
                       const std::string& directory, uint64_t after, uint64_t last,
                       const std::function<bool(const stored_record&)>& visit) {
  const auto all = list_record_files(db);
  if (!all)
    return tl::unexpected(all.error());
  const auto there = files.list(directory);
  if (!there)
    return tl::unexpected(there.error());
  auto keys = key_walk::open(db);
  if (!keys)
    return tl::unexpected(keys.error());
  line_walk walk{after, last, std::move(*keys), visit};
  for (size_t i = 0; i < all->size() && !walk.stopped; ++i) {
    if (i + 1 < all->size() && (*all)[i + 1].first <= after + 1)
      continue; // the next file begins at or before what is wanted
    const auto name = record_file_name((*all)[i].first);
    if (!std::binary_search(there->begin(), there->end(), name))
      continue; // an operator took it away
    const auto path = directory + "/" + name;
    auto opened = files.open(path, false);
    if (!opened)
      return tl::unexpected(opened.error());
    line_reader lines{**opened, path, (*all)[i].length};
    if (auto walked = walk.run(lines); !walked)
      return walked;
  }
  return {};
}

} // namespace weir
