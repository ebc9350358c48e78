// Export from the journal on disk.
#include "storage/export.hpp"

#include <filesystem>

namespace weir {

result<uint64_t> export_records(const export_options& options, file_system& files,
                                const std::function<bool(const exported&)>& visit) {
  std::error_code ignored;
  const bool journal_exists =
    std::filesystem::is_directory(options.journal_directory, ignored);
  if (!journal_exists && !sink_exists(options.sink))
    return fail(ec::io_failed, "neither the journal " + options.journal_directory
                                 + " nor the sink " + options.sink.path
                                 + " exists: has weir run with this" + " configuration?");
  const journal_source journal{
    [&]() -> result<journal_position> {
      return journal_exists ? journal_end(options.journal_directory, files)
                            : journal_position{};
    },
    [&](journal_position from) {
      return journal_reader::open(options.journal_directory, files, from);
    }};
  return export_records(options, journal, visit);
}

} // namespace weir
