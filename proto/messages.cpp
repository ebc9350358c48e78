#include "proto/messages.hpp"

namespace weir {

void register_protocol(caf::actor_system_config& config) {
  config.add_message_types<caf::id_block::weir>();
  config.add_error_category(
    caf::atom("weir"), [](uint8_t code, caf::atom_value, const caf::message& context) {
      auto text = std::string{to_string(static_cast<ec>(code))};
      return context.empty() ? text : text + caf::to_string(context);
    });
}

} // namespace weir
