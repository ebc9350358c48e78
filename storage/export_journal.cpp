// Export from the journal on disk.
#include "storage/export.hpp"
#include "storage/open_sink.hpp"

#include <cerrno>
#include <filesystem>

#include <unistd.h>

namespace weir {

namespace {

/// Fails if a directory may not be entered: anything may be in it.
result<bool> is_there(const std::string& path) {
  std::error_code why;
  const bool found = std::filesystem::exists(path, why);
  if (why)
    return fail(ec::io_failed, path + ": cannot be looked at: " + why.message()
                                 + ": run it as the server's user");
  return found;
}

} // namespace

result<uint64_t> export_records(const export_options& options, file_system& files,
                                const std::function<bool(const exported&)>& visit) {
  const auto journal_there = is_there(options.journal_directory);
  if (!journal_there)
    return tl::unexpected(journal_there.error());
  const bool journal_exists = *journal_there;
  if (const auto& kind = kind_of(options.sink); !kind.is_server())
    if (const auto sink_there = is_there(state_path(kind, options.sink)); !sink_there)
      return tl::unexpected(sink_there.error());
  if (!journal_exists && !sink_exists(options.sink))
    return fail(ec::io_failed, "neither the journal " + options.journal_directory
                                 + " nor the sink " + options.sink.path
                                 + " exists: has weir run with this" + " configuration?");
  const journal_source journal{
    [&]() -> result<journal_position> {
      if (!journal_exists)
        return journal_position{};
      auto end = journal_end(options.journal_directory, files);
      if (!end && ::access(options.journal_directory.c_str(), R_OK | X_OK) != 0
          && errno == EACCES)
        end.error().text += ": run it as the server's user";
      return end;
    },
    [&](journal_position from) {
      return journal_reader::open(options.journal_directory, files, from);
    }};
  return export_records(options, journal, visit);
}

} // namespace weir
