// NOTES: what a supervisor tells of its children, one function an event: to those who find them by
// role, to /actors, to the metrics, to the log, and to app/ when the node can't go on.
#pragma once

#include "actors/supervision/supervisor.hpp"

#include <string>

namespace weir {

/// Lists the supervisor's children, and a root itself, as starting.
void note_nodes(const supervisor_state& st, const caf::strong_actor_ptr& self);
void note_started(supervisor_state& st, size_t child);
/// Others may rely on the child: it plays its role from now on.
void note_up(supervisor_state& st, size_t child);
/// `crash` is empty after an orderly end.
void note_gone(supervisor_state& st, size_t child, restart_policy::verdict what,
               const std::string& crash);
/// The child's handler does not return. One too many ends the node.
void note_hung(supervisor_state& st, size_t child);
/// A sole owner was killed and lives on. The second time ends the node.
void note_overdue(supervisor_state& st, size_t child);
/// There were more restarts than the rules allow. At the root this ends the node.
void note_limit(supervisor_state& st);

} // namespace weir
