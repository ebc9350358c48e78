#include "proto/link.hpp"

namespace weir {

std::string to_string(const node_roles& roles) {
  std::string text;
  const auto add = [&](bool has, const char* name) {
    if (!has)
      return;
    text += text.empty() ? "" : ", ";
    text += name;
  };
  add(roles.gateway, "gateway");
  add(roles.worker, "worker");
  add(roles.persister, "persister");
  return text;
}

std::string_view to_string(link_flow flow) noexcept {
  return flow == link_flow::work ? "work" : "persist";
}

} // namespace weir
