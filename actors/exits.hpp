// EXITS: how to ask for an actor's end, bring it about and tell of it. Shared by all actors.
#pragma once

#include "base/errors.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>

#include <exception>
#include <string>

namespace weir {

/// For set_exception_handler: an exception that escapes a handler is a bug, and the actor
/// dies of it with ec::crashed and the exception's text.
caf::error crashed_by(std::exception_ptr& thrown);

/// A high-priority exit: overtakes the mail the actor already has. Cannot interrupt a
/// handler.
void kill(const caf::strong_actor_ptr& actor);

/// True if OTP would call the end abnormal: neither normal nor an orderly shutdown.
bool is_abnormal(const caf::error& reason);

/// One printable line of at most `bytes_max` bytes, because an exception's text may be anything.
std::string reason_text(const caf::actor_system& system, const caf::error& reason,
                        size_t bytes_max = 256);

} // namespace weir
