#include "storage/open_sink.hpp"

#include "storage/sink/database_sink.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>

namespace weir {

extern const sink_kind sqlite_kind;
extern const sink_kind file_kind;
extern const sink_kind postgres_kind;
extern const sink_kind stdout_kind;
extern const sink_kind null_kind;

namespace {

const std::array kinds{&sqlite_kind, &file_kind, &postgres_kind, &stdout_kind,
                       &null_kind};

tl::unexpected<fault> unknown(const sink_config& config) {
  std::string names;
  for (const auto* kind : kinds)
    names += (names.empty()          ? ""
              : kind == kinds.back() ? " or "
                                     : ", ")
             + std::string{kind->name};
  return fail(ec::invalid_config,
              "sink kind \"" + config.kind + "\" is unknown: use " + names);
}

} // namespace

std::string state_path(const sink_kind& kind, const sink_config& config) {
  return kind.place == sink_place::file ? config.path : state_database(config);
}

std::span<const sink_kind* const> sink_kinds() noexcept {
  return kinds;
}

const sink_kind* find_sink_kind(std::string_view name) noexcept {
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const auto* kind) { return kind->name == name; });
  return found == kinds.end() ? nullptr : *found;
}

const sink_kind& kind_of(const sink_config& config) {
  const auto* const kind = find_sink_kind(config.kind);
  if (!kind)
    throw std::logic_error("a sink kind that was not checked: " + config.kind);
  return *kind;
}

bool sink_exists(const sink_config& config) {
  const auto* const kind = find_sink_kind(config.kind);
  if (!kind || kind->is_server())
    return kind != nullptr; // or opening it tells
  std::error_code ignored;
  return std::filesystem::exists(state_path(*kind, config), ignored);
}

result<void> look_at_sink_files(const sink_config& config) {
  const auto* const kind = find_sink_kind(config.kind);
  return kind && kind->state_schema
           ? sqlite::look(state_path(*kind, config), kind->state_schema())
           : result<void>{};
}

result<std::unique_ptr<sink>> open_sink(const sink_config& config,
                                        const clock_source& clock) {
  const auto* const kind = find_sink_kind(config.kind);
  if (!kind)
    return unknown(config);
  return kind->open(config, clock);
}

result<std::unique_ptr<sink>> open_sink_read_only(const sink_config& config) {
  const auto* const kind = find_sink_kind(config.kind);
  if (!kind)
    return unknown(config);
  return kind->open_read_only(config);
}

} // namespace weir
