// JOURNAL IDENTITY: 128 random bits beside the segments, made before the first one is. A shared
// store keeps its cursor under it: a journal that begins anew after its disk was lost has another
// identity, so nothing of it is taken for what the lost one had stored.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"
#include "storage/files/file_system.hpp"

#include <optional>
#include <string>

namespace weir {

/// The identity of the journal in `directory`; made anew when it has none or has no segments.
result<batch_key> claim_journal_identity(const std::string& directory,
                                         file_system& files);

/// Changes nothing; empty when there is no journal, or one without identity.
result<std::optional<batch_key>> read_journal_identity(const std::string& directory,
                                                       file_system& files);

} // namespace weir
