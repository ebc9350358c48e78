#include "actors/exits.hpp"

#include "base/printable.hpp"

#include <caf/abstract_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/message_id.hpp>
#include <caf/system_messages.hpp>

namespace weir {

caf::error crashed_by(std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return caf::make_error(ec::crashed, std::string{e.what()});
  } catch (...) {
    return caf::make_error(ec::crashed, std::string{"an exception of unknown type"});
  }
}

void kill(const caf::strong_actor_ptr& actor) {
  if (actor)
    actor->enqueue(
      nullptr, caf::make_message_id(caf::message_priority::high),
      caf::make_message(caf::exit_msg{actor->address(), caf::exit_reason::kill}),
      nullptr);
}

bool is_abnormal(const caf::error& reason) {
  return reason && reason != caf::exit_reason::normal
         && reason != caf::exit_reason::user_shutdown;
}

std::string reason_text(const caf::actor_system& system, const caf::error& reason,
                        size_t bytes_max) {
  if (reason == ec::crashed && reason.context().match_elements<std::string>())
    return printable(reason.context().get_as<std::string>(0), bytes_max);
  return printable(reason ? system.render(reason) : "normal", bytes_max);
}

} // namespace weir
