// The four answers for the queues between the stages and the disk. The actors that own
// the queues keep their depth; stages and listeners describe their own.
#pragma once

#include "app/node/tree.hpp"

namespace weir {

/// Names, bounds and answers of `journal_group`, `journal_disk`, `sink` and `dead_letters`.
void describe_storage_queues(const tree_parts& parts);

} // namespace weir
