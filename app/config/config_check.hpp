// CONFIG CHECK: what no single key can know: values that contradict each other.
#pragma once

#include "app/config/config.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

/// How many copies of a batch there may be on its way: as sent, as JSON, transformed, and
/// in the journal's group.
inline constexpr uint64_t body_copies = 4;

/// Replaces `auto`, `derived` and absent paths by what they stand for.
void resolve_config(config& settings);

/// The most bytes that a batch of any stream may be split into; see plan::parts_room().
uint64_t most_parts_room(const config& settings);

/// Appends one line for each contradiction, with the place of one of the keys involved.
void check_config(const config& settings, std::vector<std::string>& errors);

} // namespace weir
