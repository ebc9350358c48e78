// OPEN SINK: from a configuration to the sink it names. The list of kinds is in the source.
#pragma once

#include "storage/sink/kind.hpp"

#include <memory>
#include <span>
#include <string_view>

namespace weir {

/// Every kind, in the order of docs/config.md.
std::span<const sink_kind* const> sink_kinds() noexcept;
/// Null when there is no such kind.
const sink_kind* find_sink_kind(std::string_view name) noexcept;
/// The kind of a configuration that was checked; throws std::logic_error otherwise.
const sink_kind& kind_of(const sink_config& config);

/// True when there is something to open: a sink that never ran has no files yet.
bool sink_exists(const sink_config& config);

/// Called before a start: refuses a local sink's file of another program or of a newer weir, with
/// its path; changes nothing.
result<void> look_at_sink_files(const sink_config& config);

/// Opens for writing, creating what is missing; io_failed or sink_unavailable with the
/// path.
result<std::unique_ptr<sink>> open_sink(const sink_config& config,
                                        const clock_source& clock);
/// Opens for reading beside a running server or without one: cursor() and each() only.
result<std::unique_ptr<sink>> open_sink_read_only(const sink_config& config);

} // namespace weir
