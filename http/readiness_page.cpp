#include "http/readiness_page.hpp"

#include "http/wire/answer.hpp"

namespace weir {

void append_readiness(std::string& out, const readiness& state) {
  const bool ready = state.state == node_state::ready;
  out += ready ? R"({"ready":true,"status":"ready","state":")"
               : R"({"ready":false,"status":"not_ready","state":")";
  out += to_string(state.state);
  out += R"(","reasons":[)";
  for (size_t i = 0; i < state.reasons.size(); ++i) {
    if (i > 0)
      out += ',';
    append_json_string(out, state.reasons[i]);
  }
  out += "]}\n";
}

int status_of(const readiness& state) noexcept {
  return state.state == node_state::ready ? 200 : 503;
}

} // namespace weir
